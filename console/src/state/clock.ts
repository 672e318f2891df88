import { signal } from "@preact/signals";

// Offsets remembered: the largest of them had the shortest way and is nearest to the truth.
const OFFSETS = 8;
const offsets: number[] = [];
let offset = 0;

export function heardServerTime(serverMs: number): void {
  offsets.push(serverMs - Date.now());
  if (offsets.length > OFFSETS) offsets.shift();
  offset = Math.max(...offsets);
}

// The server's clock as well as this page knows it, milliseconds since the Unix epoch.
export const serverNow = (): number => Date.now() + offset;

// Ticks four times a second, for ages.
export const now = signal(Date.now());
setInterval(() => (now.value = serverNow()), 250);

export const clockText = (ms: number): string => new Date(ms).toLocaleTimeString("en-GB");
export const dateText = (ms: number): string =>
  new Date(ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
