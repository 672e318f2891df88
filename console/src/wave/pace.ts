import type { WaveFrame } from "../api/wave-frame";

// Chunks looked at together, a few seconds.
const CHUNKS = 24;
const MIN_CHUNKS = 6;
// Chunks of a signal at the pace of life lie one after the other. Where more than this share of them overlaps, more was
// measured than time has passed.
const MAX_OVERLAP = 0.15;

interface Chunk {
  lengthMs: number;
  overlapMs: number;
}

// Notices a signal that is played faster than life, whose trace would be a rhythm that nobody has.
export class Pace {
  #chunks: Chunk[] = [];
  #endMs: number | null = null;

  arrived(frame: WaveFrame): void {
    const lengthMs = frame.values.length * frame.periodMs;
    const overlapMs = Math.min(lengthMs, Math.max(0, (this.#endMs ?? frame.startMs) - frame.startMs));
    this.#endMs = frame.startMs + lengthMs;
    this.#chunks = [...this.#chunks, { lengthMs, overlapMs }].slice(-CHUNKS);
  }

  get tooFast(): boolean {
    if (this.#chunks.length < MIN_CHUNKS) return false;
    const sum = (part: (chunk: Chunk) => number) => this.#chunks.reduce((total, chunk) => total + part(chunk), 0);
    return sum(({ overlapMs }) => overlapMs) > MAX_OVERLAP * sum(({ lengthMs }) => lengthMs);
  }
}
