import { computed, effect, signal } from "@preact/signals";
import { status } from "../state/connection";
import { wall } from "../state/session";
import { sounding } from "../state/ward";
import { BURSTS, playBurst } from "./tones";

let context: AudioContext | null = null;
let nextBurstAt = 0;

export const soundEnabled = signal(false);

// A browser makes no sound before a person has clicked.
export async function enableSound(): Promise<void> {
  context ??= new AudioContext();
  await context.resume();
  soundEnabled.value = context.state === "running";
}

// The most urgent alarm nobody has looked at wins the sound; a lost server sounds like a high alarm.
const priority = computed(() => (status.value === "lost" ? "high" : sounding.value?.alarm.priority));

// A screen on the wall has no button for it: whatever is pressed there enables the sound.
const enableOnWall = () => {
  if (wall.peek() && !soundEnabled.peek()) void enableSound();
};

export function startSounding(): void {
  addEventListener("pointerdown", enableOnWall);
  addEventListener("keydown", enableOnWall);
  effect(() => {
    // A new alarm sounds at once.
    if (priority.value) nextBurstAt = 0;
  });
  setInterval(() => {
    const loudest = priority.peek();
    if (!loudest || !context || !soundEnabled.peek()) return;
    if (performance.now() < nextBurstAt) return;
    nextBurstAt = performance.now() + BURSTS[loudest].everyMs;
    playBurst(context, loudest);
  }, 100);
}
