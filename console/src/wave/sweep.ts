import type { WaveFrame } from "../api/wave-frame";
import { drawGrid } from "./grid";
import { Playhead } from "./playhead";
import { ERASE_MM, MM_PER_MV, PX_PER_MM, PX_PER_MS } from "./scale";
import { TraceBuffer } from "./trace-buffer";

const ERASE_PX = ERASE_MM * PX_PER_MM;
// Two lost samples are joined, a lost message is a gap.
const MAX_JOINED_PERIODS = 3.5;
const LINE_PX = 1.8;

export interface Look {
  colour: string;
  // Where zero is, as a share of the height.
  zero: number;
  // Pixels per unit, by the height of the strip.
  pxPerUnit: (height: number) => number;
}
export const ECG_LOOK: Look = { colour: "#3ddc6f", zero: 0.62, pxPerUnit: () => MM_PER_MV * PX_PER_MM };

// One wave that runs across its canvas and starts again on the left, with a blank bar ahead of the newest sample.
export class Sweep {
  #look: Look;
  #grid: HTMLCanvasElement;
  #canvas: HTMLCanvasElement;
  #context: CanvasRenderingContext2D | null;
  #width = 0;
  #height = 0;
  #buffer: TraceBuffer | null = null;
  #playhead = new Playhead();
  #drawn = 0;
  #pen: { time: number; x: number; y: number } | null = null;

  constructor(grid: HTMLCanvasElement, canvas: HTMLCanvasElement, look: Look) {
    this.#grid = grid;
    this.#canvas = canvas;
    this.#look = look;
    this.#context = canvas.getContext("2d");
    canvas.dataset.pxPerMm = String(PX_PER_MM);
  }

  resize(width: number, height: number): void {
    if (width < 1 || height < 1) return;
    this.#width = width;
    this.#height = height;
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    this.#context?.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    drawGrid(this.#grid, width, height, height * this.#look.zero);
    this.#redraw();
  }

  push(frame: WaveFrame, now: number): void {
    if (this.#buffer?.periodMs !== frame.periodMs) this.#buffer = new TraceBuffer(frame.periodMs);
    this.#buffer.push(frame, this.#playhead.position ?? 0);
    if (!frame.recent) this.#playhead.arrived(frame, now);
  }

  // Forgets everything, for a new start after the server was lost.
  clear(): void {
    this.#buffer = null;
    this.#playhead = new Playhead();
    this.#context?.clearRect(0, 0, this.#width, this.#height);
  }

  draw(now: number): void {
    if (!this.#buffer || !this.#context) return;
    const first = this.#playhead.position === null;
    const head = this.#playhead.advance(now, this.#buffer.newestMs);
    if (first) this.#redraw();
    else this.#extend(head);
    this.#canvas.dataset.headMs = String(head);
  }

  #x(time: number): number {
    return (time * PX_PER_MS) % this.#width;
  }

  #redraw(): void {
    const head = this.#playhead.position;
    this.#context?.clearRect(0, 0, this.#width, this.#height);
    if (head === null || this.#width === 0) return;
    this.#drawn = head - (this.#width - ERASE_PX) / PX_PER_MS;
    this.#pen = null;
    this.#stroke(head);
  }

  #extend(head: number): void {
    const moved = (head - this.#drawn) * PX_PER_MS;
    if (moved <= 0) return;
    if (moved > this.#width) {
      this.#redraw();
      return;
    }
    this.#erase(this.#x(this.#drawn) + ERASE_PX - 1, moved + 1);
    if (moved > ERASE_PX) this.#erase(this.#x(this.#drawn) + 1, moved);
    this.#stroke(head);
  }

  #erase(from: number, width: number): void {
    const start = from % this.#width;
    this.#context?.clearRect(start, 0, width, this.#height);
    if (start + width > this.#width) this.#context?.clearRect(0, 0, start + width - this.#width, this.#height);
  }

  #stroke(head: number): void {
    const context = this.#context;
    const buffer = this.#buffer;
    if (!context || !buffer) return;
    const zero = this.#height * this.#look.zero;
    const scale = this.#look.pxPerUnit(this.#height);
    context.strokeStyle = this.#look.colour;
    context.lineWidth = LINE_PX;
    context.lineJoin = "round";
    context.lineCap = "round";
    context.beginPath();
    if (this.#pen) context.moveTo(this.#pen.x, this.#pen.y);
    buffer.each(this.#drawn, head, (time, value) => {
      const x = this.#x(time);
      const y = zero - value * scale;
      const pen = this.#pen;
      const joined = pen && x > pen.x && time - pen.time < MAX_JOINED_PERIODS * buffer.periodMs;
      if (joined) context.lineTo(x, y);
      else context.moveTo(x, y);
      this.#pen = { time, x, y };
    });
    context.stroke();
    this.#drawn = head;
  }
}
