import type { WaveFrame } from "../api/wave-frame";

// The sweep runs this far behind the slowest recent chunk, so that it moves evenly.
const MARGIN_MS = 60;
const MAX_DELAY_MS = 3000;
// A hole in the data holds the sweep for so long, then it goes on and leaves a gap.
const HOLD_MS = 1000;
// The delay shrinks again by this share per second once chunks come sooner.
const RELAX_PER_MS = 0.00005;

// Which sensor time is at the head of the sweep.
export class Playhead {
  #delay = 0;
  #last = 0;
  position: number | null = null;

  #started = false;

  // How long after its first sample a live chunk came in.
  arrived(frame: WaveFrame, now: number): void {
    if (!this.#started) this.#last = now;
    this.#started = true;
    const needed = Math.min(now - frame.startMs + MARGIN_MS, MAX_DELAY_MS);
    this.#delay = Math.max(this.#delay, needed);
  }

  // The past that a new screen gets comes before the first live chunk; until then there is nothing to run after.
  advance(now: number, newest: number): number | null {
    if (!this.#started) return null;
    this.#delay *= 1 - RELAX_PER_MS * Math.min(1000, Math.max(0, now - this.#last));
    this.#last = now;
    const target = now - this.#delay;
    const held = newest < target ? Math.max(newest, target - HOLD_MS) : target;
    this.position = Math.max(this.position ?? 0, held);
    return this.position;
  }
}
