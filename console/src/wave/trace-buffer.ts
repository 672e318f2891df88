import type { WaveFrame } from "../api/wave-frame";

// Longer than all rows of the largest screen show at 25 mm/s.
const KEEP_MS = 180_000;

// Samples of one wave by their time, with holes where nothing came.
export class TraceBuffer {
  readonly periodMs: number;
  #values: Float32Array;
  #times: Float64Array;
  newestMs = 0;

  constructor(periodMs: number, keepMs = KEEP_MS) {
    this.periodMs = periodMs;
    const slots = Math.ceil(keepMs / periodMs);
    this.#values = new Float32Array(slots);
    this.#times = new Float64Array(slots);
  }

  // Takes what is newer than `after`: what the sweep has passed stays a gap.
  push(frame: WaveFrame, after: number): void {
    frame.values.forEach((value, n) => {
      const time = frame.startMs + n * this.periodMs;
      if (time <= after) return;
      const slot = Math.round(time / this.periodMs) % this.#values.length;
      this.#values[slot] = value;
      this.#times[slot] = time;
      this.newestMs = Math.max(this.newestMs, time);
    });
  }

  // Samples later than `from` up to `to`, in order.
  each(from: number, to: number, visit: (time: number, value: number) => void): void {
    const slots = this.#values.length;
    const first = Math.max(Math.round(from / this.periodMs), Math.round(to / this.periodMs) - slots + 1);
    for (let index = first; index <= Math.round(to / this.periodMs); index++) {
      const time = this.#times[index % slots]!;
      if (time > from && time <= to) visit(time, this.#values[index % slots]!);
    }
  }
}
