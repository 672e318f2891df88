import { signal } from "@preact/signals";
import type { BedState } from "../state/bed-state";
import { wavesOf } from "./waves";

// What fits on a landscape page at 25 mm/s, with margins.
export const PRINT_SECONDS = 10;

export interface PrintedStrip {
  bed: BedState;
  samples: { time: number; value: number }[];
  fromMs: number;
}
export const printed = signal<PrintedStrip | null>(null);

// Prints the ECG up to the head of the sweep: what is seen, also when it is frozen.
export function printStrip(bed: BedState): void {
  const sweep = wavesOf(bed.bed).sweeps.get("ecg");
  const head = sweep?.headMs;
  if (!sweep || head == null) return;
  const lengthMs = 1000 * PRINT_SECONDS;
  printed.value = { bed, samples: sweep.recent(lengthMs), fromMs: head - lengthMs };
  // The sheet is drawn first.
  setTimeout(() => print(), 50);
}
