import type { WaveFrame } from "../api/wave-frame";
import { drawGrid } from "./grid";
import { Playhead } from "./playhead";
import { Rows } from "./rows";
import { ERASE_MM, MM_PER_MV, PX_PER_MM, PX_PER_MS } from "./scale";
import { TraceBuffer } from "./trace-buffer";

const ERASE_PX = ERASE_MM * PX_PER_MM;
// Two lost samples are joined, a lost message is a gap.
const MAX_JOINED_PERIODS = 3.5;
const LINE_PX = 1.8;
// How often the canvas says where its head is: writing an attribute costs more than drawing.
const TELL_EVERY_MS = 100;

export interface Look {
  colour: string;
  // Where zero is, as a share of the height of a row.
  zero: number;
  // Pixels per unit, by the height of a row.
  pxPerUnit: (height: number) => number;
  // Rows are at least this high; a strip with room for more shows a longer past.
  minRowPx: number;
  // How much of the past is kept; without it more than the largest screen shows.
  keepMs?: number;
}
export const ECG_LOOK: Look = {
  colour: "#3ddc6f",
  zero: 0.62,
  pxPerUnit: () => MM_PER_MV * PX_PER_MM,
  minRowPx: 40 * PX_PER_MM,
};

// One wave that runs across its rows and starts again at the top left, with a blank bar ahead of the newest sample.
export class Sweep {
  #look: Look;
  #grid: HTMLCanvasElement;
  #canvas: HTMLCanvasElement;
  #context: CanvasRenderingContext2D | null;
  #rows = new Rows(0, 0, 1);
  #buffer: TraceBuffer | null = null;
  #playhead = new Playhead();
  #drawn = 0;
  #told = 0;
  #pen: { time: number; along: number; x: number; y: number } | null = null;

  constructor(grid: HTMLCanvasElement, canvas: HTMLCanvasElement, look: Look) {
    this.#grid = grid;
    this.#canvas = canvas;
    this.#look = look;
    this.#context = canvas.getContext("2d");
    canvas.dataset.pxPerMm = String(PX_PER_MM);
  }

  get headMs(): number | null {
    return this.#playhead.position;
  }

  resize(width: number, height: number): void {
    if (width < 1 || height < 1) return;
    this.#rows = new Rows(width, height, this.#look.minRowPx);
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    this.#canvas.dataset.rows = String(this.#rows.count);
    this.#canvas.dataset.rowPx = String(this.#rows.pitch);
    this.#context?.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    drawGrid(this.#grid, width, height, this.#rows.pitch * this.#look.zero);
    this.#redraw();
  }

  push(frame: WaveFrame, now: number): void {
    if (this.#buffer?.periodMs !== frame.periodMs) this.#buffer = new TraceBuffer(frame.periodMs, this.#look.keepMs);
    this.#buffer.push(frame, this.#playhead.position ?? 0);
    if (!frame.recent) this.#playhead.arrived(frame, now);
  }

  // Forgets everything, for a new start after the server was lost.
  clear(): void {
    this.#buffer = null;
    this.#playhead = new Playhead();
    this.#blank();
  }

  draw(now: number): void {
    if (!this.#buffer || !this.#context) return;
    const first = this.#playhead.position === null;
    const head = this.#playhead.advance(now, this.#buffer.newestMs);
    if (head === null) return;
    if (first) this.#redraw();
    else this.#extend(head);
    if (Math.abs(head - this.#told) >= TELL_EVERY_MS) {
      this.#told = head;
      this.#canvas.dataset.headMs = String(head);
    }
  }

  // What was drawn last, up to the head.
  recent(lengthMs: number): { time: number; value: number }[] {
    const samples: { time: number; value: number }[] = [];
    const head = this.#playhead.position;
    if (head !== null) this.#buffer?.each(head - lengthMs, head, (time, value) => samples.push({ time, value }));
    return samples;
  }

  // Way along all rows, one after the other.
  #along(time: number): number {
    return (time * PX_PER_MS) % this.#rows.length;
  }

  #blank(): void {
    this.#context?.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #redraw(): void {
    const head = this.#playhead.position;
    this.#blank();
    if (head === null || this.#rows.length === 0) return;
    this.#drawn = head - (this.#rows.length - ERASE_PX) / PX_PER_MS;
    this.#pen = null;
    this.#stroke(head);
  }

  #extend(head: number): void {
    const moved = (head - this.#drawn) * PX_PER_MS;
    if (moved <= 0) return;
    if (moved > this.#rows.length - ERASE_PX) {
      this.#redraw();
      return;
    }
    // One pixel more than moved, so that no seam is left between two frames.
    if (moved > ERASE_PX) this.#erase(this.#along(this.#drawn) + 1, moved);
    this.#erase(this.#along(this.#drawn) + ERASE_PX - 1, moved + 1);
    this.#stroke(head);
  }

  #erase(from: number, length: number): void {
    for (const part of this.#rows.parts(from, length)) {
      this.#context?.clearRect(part.x, part.y, part.width, this.#rows.pitch);
    }
  }

  #stroke(head: number): void {
    const context = this.#context;
    const buffer = this.#buffer;
    if (!context || !buffer) return;
    const zero = this.#rows.pitch * this.#look.zero;
    const scale = this.#look.pxPerUnit(this.#rows.pitch);
    context.strokeStyle = this.#look.colour;
    context.lineWidth = LINE_PX;
    context.lineJoin = "round";
    context.lineCap = "round";
    context.beginPath();
    if (this.#pen) context.moveTo(this.#pen.x, this.#pen.y);
    buffer.each(this.#drawn, head, (time, value) => {
      const along = this.#along(time);
      const { x, y } = this.#rows.point(along, zero - value * scale);
      const pen = this.#pen;
      const joined = pen && x > pen.x && along > pen.along && time - pen.time < MAX_JOINED_PERIODS * buffer.periodMs;
      if (joined) context.lineTo(x, y);
      else context.moveTo(x, y);
      this.#pen = { time, along, x, y };
    });
    context.stroke();
    this.#drawn = head;
  }
}
