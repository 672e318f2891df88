import { useEffect, useState } from "preact/hooks";
import { parseWaveFrame, type WaveFrame } from "../api/wave-frame";
import { clockText } from "../state/clock";

// Units of the drawing, which is then fitted to the card: millimetres at 25 mm/s and 10 mm/mV, as a monitor prints.
const MM_PER_S = 25;
const MM_PER_MV = 10;
const HEIGHT_MM = 30;
const TALLEST_MV = HEIGHT_MM / MM_PER_MV;

async function load(path: string, abort: AbortSignal): Promise<WaveFrame | null> {
  const response = await fetch(`/api/v1/${path}`, { signal: abort });
  return response.ok ? parseWaveFrame(await response.arrayBuffer()) : null;
}

// A line through the values; none through what was lost.
function lineThrough(values: Float32Array, point: (mv: number, n: number) => string): string {
  let isDown = false;
  return Array.from(values, (mv, n) => {
    const step = Number.isNaN(mv) ? "" : `${isDown ? "L" : "M"}${point(mv, n)}`;
    isDown = !Number.isNaN(mv);
    return step;
  }).join("");
}

// The ECG around an alarm; the alarm itself is marked when it lies in it. A taller one is drawn smaller, and says so.
export function EvidenceStrip({ path, raisedAtMs }: { path: string; raisedAtMs: number }) {
  const [strip, setStrip] = useState<WaveFrame | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    setStrip(null);
    load(path, abort.signal)
      .then(setStrip)
      .catch(() => undefined);
    return () => abort.abort();
    // A condition that comes back has the same number and a new strip.
  }, [path, raisedAtMs]);
  if (!strip || strip.values.length < 2) return null;
  const seconds = (strip.values.length * strip.periodMs) / 1000;
  const seen = strip.values.filter((mv) => !Number.isNaN(mv));
  const lowest = seen.reduce((least, mv) => Math.min(least, mv), 0);
  const highest = seen.reduce((most, mv) => Math.max(most, mv), 0);
  const spread = highest - lowest;
  const share = Math.min(1, TALLEST_MV / Math.max(spread, TALLEST_MV / 2));
  const middle = (lowest + highest) / 2;
  const y = (mv: number) => (HEIGHT_MM / 2 - (mv - middle) * share * MM_PER_MV).toFixed(2);
  const step = (strip.periodMs / 1000) * MM_PER_S;
  const trace = lineThrough(strip.values, (mv, n) => `${(n * step).toFixed(2)} ${y(mv)}`);
  const width = seconds * MM_PER_S;
  const lines = Array.from({ length: Math.floor(width / 5) + 1 }, (_, n) => `M${n * 5} 0V${HEIGHT_MM}`);
  const rows = Array.from({ length: HEIGHT_MM / 5 + 1 }, (_, n) => `M0 ${n * 5}H${width.toFixed(1)}`);
  const about = `ECG from ${clockText(strip.startMs)}, ${seconds.toFixed(0)} s`;
  return (
    <figure class="evidence-strip">
      <svg viewBox={`0 0 ${width.toFixed(1)} ${HEIGHT_MM}`} role="img" aria-label={`${about}, around the alarm`}>
        <path class="strip-grid" d={[...lines, ...rows].join("")} />
        <path class="strip-trace" d={trace} />
        {raisedAtMs > strip.startMs && raisedAtMs < strip.startMs + seconds * 1000 && (
          <path class="strip-mark" d={`M${(((raisedAtMs - strip.startMs) / 1000) * MM_PER_S).toFixed(1)} 0V${HEIGHT_MM}`} />
        )}
      </svg>
      <figcaption>
        {about}; a square is 0.2 s and {(0.5 / share).toFixed(1)} mV
        {seen.length < strip.values.length && "; where there is no line, the signal was lost on the way"}
      </figcaption>
    </figure>
  );
}
