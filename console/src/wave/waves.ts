import { computed, effect, signal } from "@preact/signals";
import type { Signal } from "../api/types";
import { parseWaveFrame } from "../api/wave-frame";
import { serverNow } from "../state/clock";
import { status } from "../state/connection";
import { beds } from "../state/ward";
import { BedWaves } from "./bed-waves";
import type { Sweep } from "./sweep";

const RETRY_MS = 1000;
// A page that is built up attaches its strips one after the other; one socket serves them all.
const GATHER_MS = 50;
// Beds that open one after the other join an open socket together.
const REGATHER_MS = 300;
// More beds the server sends on no socket.
export const MAX_BEDS = 32;
// Newest samples older than this do not count as live.
export const MAX_LIVE_LAG_MS = 5000;

const all = new Map<number, BedWaves>();
export function wavesOf(bed: number): BedWaves {
  const known = all.get(bed) ?? new BedWaves();
  all.set(bed, known);
  return known;
}

// Strips on the screen, by bed.
const attached = signal<ReadonlyMap<number, number>>(new Map());
const count = (bed: number, by: number) => {
  const next = new Map(attached.peek());
  const before = next.get(bed) ?? 0;
  if (before === 0 && by > 0) wavesOf(bed).expect();
  next.set(bed, before + by);
  attached.value = next;
};

export function attachSweep(bed: number, name: Signal, sweep: Sweep): () => void {
  wavesOf(bed).attach(name, sweep);
  count(bed, 1);
  return () => {
    wavesOf(bed).detach(name);
    count(bed, -1);
  };
}

// Beds whose waves are wanted: on the screen, and open to class II.
export const wantedBeds = computed(() =>
  beds.value.filter(({ bed, hasWaves }) => hasWaves.value && (attached.value.get(bed) ?? 0) > 0).map(({ bed }) => bed).slice(0, MAX_BEDS).join(),
);

// True while the traces stand still because a person wants to look at them. What arrives meanwhile is kept.
export const frozenAtMs = signal<number | null>(null);
export const toggleFreeze = (): void => {
  frozenAtMs.value = frozenAtMs.peek() === null ? serverNow() : null;
};

let socket: WebSocket | null = null;
let timer = 0;
// Whether the next socket starts anew, for whichever reason it is opened.
let freshDue = false;

function open(query: string): void {
  const fresh = freshDue;
  freshDue = false;
  if (socket) {
    // Ours to close: its end starts no other.
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    socket = null;
  }
  if (query === "") return;
  const numbers = query.split(",").map(Number);
  for (const bed of numbers) wavesOf(bed).begin(fresh);
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}/api/v1/wave?${numbers.map((bed) => `bed=${bed}`).join("&")}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    const frame = data instanceof ArrayBuffer ? parseWaveFrame(data) : null;
    // A frame of a bed that closed meanwhile is nobody's.
    if (frame && numbers.includes(frame.bed)) wavesOf(frame.bed).take(frame);
  };
  socket.onclose = () => {
    socket = null;
    plan(RETRY_MS, true);
  };
}

function plan(afterMs: number, fresh: boolean): void {
  freshDue ||= fresh;
  clearTimeout(timer);
  timer = setTimeout(() => open(status.peek() === "live" ? wantedBeds.peek() : ""), afterMs);
}

// Script time of recent frames in milliseconds, for the measurement in the tests.
const FRAMES_MEASURED = 600;
const frameTimes: number[] = [];
(globalThis as { bodywireFrameTimes?: number[] }).bodywireFrameTimes = frameTimes;

function frame(): void {
  const start = performance.now();
  if (status.peek() === "live" && frozenAtMs.peek() === null) {
    const now = serverNow();
    for (const waves of all.values()) for (const sweep of waves.sweeps.values()) sweep.draw(now);
  }
  frameTimes.push(performance.now() - start);
  if (frameTimes.length > FRAMES_MEASURED) frameTimes.shift();
  requestAnimationFrame(frame);
}

export function startWaves(): void {
  let wasLive = false;
  effect(() => {
    const live = status.value === "live";
    void wantedBeds.value;
    // A socket may hang when the server is gone; a new one starts once the server is back.
    plan(!live ? 0 : socket ? REGATHER_MS : GATHER_MS, live && !wasLive);
    wasLive = live;
  });
  requestAnimationFrame(frame);
}
