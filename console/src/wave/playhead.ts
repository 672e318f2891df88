import type { WaveFrame } from "../api/wave-frame";

// The sweep runs this far behind the slowest recent chunk, so that it moves evenly.
const MARGIN_MS = 60;
const MAX_DELAY_MS = 3000;
// A hole in the data holds the sweep for so long, then it goes on and leaves a gap.
const HOLD_MS = 1000;
// How long the slowest chunk counts at least, twice that at most. Until then the delay stands still: a delay that shrank
// between two chunks would stop the sweep for a moment at each.
const RECENT_MS = 4000;
// Once chunks come sooner the sweep runs faster by this share until it has caught up.
const CATCH_UP = 0.1;

// Which sensor time is at the head of the sweep.
export class Playhead {
  #delay = 0;
  #last = 0;
  #started = false;
  // Delay that recent chunks needed, and those before them.
  #needed = 0;
  #neededBefore = 0;
  #since = 0;
  position: number | null = null;

  // How long after its first sample a live chunk came in.
  arrived(frame: WaveFrame, now: number): void {
    if (!this.#started) this.#last = now;
    this.#started = true;
    if (now - this.#since > RECENT_MS) {
      this.#neededBefore = this.#needed;
      this.#needed = 0;
      this.#since = now;
    }
    const needed = Math.min(now - frame.startMs + MARGIN_MS, MAX_DELAY_MS);
    this.#needed = Math.max(this.#needed, needed);
    this.#delay = Math.max(this.#delay, needed);
  }

  // The past that a new screen gets comes before the first live chunk; until then there is nothing to run after.
  advance(now: number, newest: number): number | null {
    if (!this.#started) return null;
    const passed = Math.min(1000, Math.max(0, now - this.#last));
    const floor = Math.max(this.#needed, this.#neededBefore);
    this.#delay = Math.max(floor, this.#delay - CATCH_UP * passed);
    this.#last = now;
    const target = now - this.#delay;
    const held = newest < target ? Math.max(newest, target - HOLD_MS) : target;
    this.position = Math.max(this.position ?? 0, held);
    return this.position;
  }
}
