import { PX_PER_MM } from "./scale";

const MINOR = "#16222d";
const MAJOR = "#22394a";

// The 1 mm and 5 mm grid, on a canvas of its own under the trace.
export function drawGrid(canvas: HTMLCanvasElement, width: number, height: number, zero: number): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  const line = (position: number, across: boolean) => {
    const at = Math.round(position * ratio);
    if (across) context.fillRect(0, at, canvas.width, 1);
    else context.fillRect(at, 0, 1, canvas.height);
  };
  for (const [every, colour] of [[1, MINOR], [5, MAJOR]] as const) {
    context.fillStyle = colour;
    for (let mm = 0; mm * PX_PER_MM < width; mm += every) line(mm * PX_PER_MM, false);
    const above = Math.floor(zero / PX_PER_MM / every) * every;
    for (let mm = -above; zero + mm * PX_PER_MM < height; mm += every) line(zero + mm * PX_PER_MM, true);
  }
}
