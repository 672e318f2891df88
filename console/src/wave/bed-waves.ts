import { signal } from "@preact/signals";
import type { Signal } from "../api/types";
import type { WaveFrame } from "../api/wave-frame";
import { serverNow } from "../state/clock";
import { Pace } from "./pace";
import type { Sweep } from "./sweep";

// Frames kept for a strip that is not on the screen yet.
const MAX_WAITING_FRAMES = 256;
const ORDER: Signal[] = ["ecg", "pleth", "resp"];

// The waves of one bed and the strips that show them.
export class BedWaves {
  // Waves that have been seen, in the order of the screen.
  readonly names = signal<Signal[]>(["ecg"]);
  // Sensor time of the newest live sample.
  readonly newestMs = signal(0);
  // Milliseconds of waves that came late and were not drawn.
  readonly lateMs = signal(0);
  // True when the signal is played faster than life; then no trace is drawn.
  readonly tooFast = signal(false);
  readonly sweeps = new Map<Signal, Sweep>();
  #waiting = new Map<Signal, WaveFrame[]>();
  #pace = new Pace();
  // True from when the bed comes onto the screen until its new socket is open.
  #expecting = false;

  // Server time of what stands at the head of the first strip's sweep, or null before there is one.
  get headMs(): number | null {
    return this.sweeps.get(this.names.peek()[0] ?? "ecg")?.headMs ?? null;
  }

  attach(name: Signal, sweep: Sweep): void {
    this.sweeps.set(name, sweep);
    for (const frame of this.#waiting.get(name) ?? []) sweep.push(frame, serverNow());
    this.#waiting.delete(name);
  }

  // The bed has left the screen.
  detach(name: Signal): void {
    this.sweeps.delete(name);
    if (this.sweeps.size === 0) this.#waiting.clear();
  }

  // The bed comes onto the screen, and a socket is opened for that, which sends the past first. A live chunk that an old
  // socket still brings would start the sweep without it.
  expect(): void {
    this.#expecting = true;
  }

  // A new socket sends the recent past once more. After a lost one nothing of the old is drawn on.
  begin(fresh: boolean): void {
    this.#pace = new Pace();
    this.#expecting = false;
    if (!fresh) return;
    this.newestMs.value = 0;
    this.#waiting.clear();
    this.#clear();
  }

  take(frame: WaveFrame): void {
    if (this.#expecting) return;
    if (frame.late) {
      if (frame.signal === "ecg") this.lateMs.value += frame.values.length * frame.periodMs;
      return;
    }
    if (!this.names.value.includes(frame.signal)) {
      this.names.value = ORDER.filter((name) => name === frame.signal || this.names.value.includes(name));
    }
    if (frame.signal === "ecg") {
      this.#pace.arrived(frame);
      if (this.#pace.tooFast !== this.tooFast.peek()) {
        this.tooFast.value = this.#pace.tooFast;
        this.#clear();
      }
    }
    const end = frame.startMs + frame.values.length * frame.periodMs;
    if (end > this.newestMs.peek()) this.newestMs.value = end;
    if (this.tooFast.peek()) return;
    const sweep = this.sweeps.get(frame.signal);
    if (sweep) {
      sweep.push(frame, serverNow());
      return;
    }
    const frames = this.#waiting.get(frame.signal) ?? [];
    this.#waiting.set(frame.signal, [...frames, frame].slice(-MAX_WAITING_FRAMES));
  }

  #clear(): void {
    for (const sweep of this.sweeps.values()) sweep.clear();
  }
}
