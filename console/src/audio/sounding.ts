import { computed, effect, signal } from "@preact/signals";
import { unseen } from "../state/board";
import { now, serverNow } from "../state/clock";
import { status } from "../state/connection";
import { BURSTS, playBurst } from "./tones";

// Pausing the sound never changes an alarm; it ends by itself.
const AUDIO_PAUSE_MS = 120_000;

let context: AudioContext | null = null;
let nextBurstAt = 0;

export const soundEnabled = signal(false);
export const pausedUntil = signal(0);
export const pauseLeftMs = computed(() => Math.max(0, pausedUntil.value - now.value));

// A browser makes no sound before a person has clicked.
export async function enableSound(): Promise<void> {
  context ??= new AudioContext();
  await context.resume();
  soundEnabled.value = context.state === "running";
}

export function toggleAudioPause(): void {
  pausedUntil.value = pauseLeftMs.peek() > 0 ? 0 : serverNow() + AUDIO_PAUSE_MS;
}

// The most urgent alarm nobody has looked at wins the sound; a lost server sounds like a high alarm.
const sounding = computed(() => (status.value === "lost" ? "high" : unseen.value[0]?.priority));

export function startSounding(): void {
  effect(() => {
    // A new alarm sounds at once.
    if (sounding.value) nextBurstAt = 0;
  });
  setInterval(() => {
    const priority = sounding.peek();
    if (!priority || !context || !soundEnabled.peek() || pauseLeftMs.peek() > 0) return;
    if (performance.now() < nextBurstAt) return;
    nextBurstAt = performance.now() + BURSTS[priority].everyMs;
    playBurst(context, priority);
  }, 100);
}
