import { PX_PER_MM } from "./scale";

// More rows would show minutes, which is what trends are for.
const MAX_ROWS = 3;
const SQUARE_PX = 5 * PX_PER_MM;

// A strip cut into rows of equal height that are read one after the other, like lines of text.
export class Rows {
  readonly count: number;
  // Height of a row: whole squares when there are several, so that each row lies on the grid alike.
  readonly pitch: number;
  readonly width: number;

  constructor(width: number, height: number, minRowPx: number) {
    this.width = width;
    this.count = Math.max(1, Math.min(MAX_ROWS, Math.floor(height / minRowPx)));
    const even = height / this.count;
    this.pitch = this.count > 1 ? Math.floor(even / SQUARE_PX) * SQUARE_PX : even;
  }

  get length(): number {
    return this.count * this.width;
  }

  // Place of a point this far along all rows; what leaves its row is held at the row's edge.
  point(along: number, y: number): { x: number; y: number } {
    const row = Math.min(this.count - 1, Math.floor(along / this.width));
    const inside = Math.max(1, Math.min(this.pitch - 1, y));
    return { x: along - row * this.width, y: row * this.pitch + inside };
  }

  // The rectangles that a stretch of the way covers.
  parts(from: number, length: number): { x: number; y: number; width: number }[] {
    const parts = [];
    let start = from % this.length;
    for (let left = length; left > 0; ) {
      const row = Math.min(this.count - 1, Math.floor(start / this.width));
      const x = start - row * this.width;
      const width = Math.min(left, this.width - x);
      parts.push({ x, y: row * this.pitch, width });
      left -= Math.max(width, 0.001);
      start = (row + 1) * this.width >= this.length ? 0 : (row + 1) * this.width;
    }
    return parts;
  }
}
