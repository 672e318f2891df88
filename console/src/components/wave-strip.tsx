import { useEffect, useRef } from "preact/hooks";
import type { Signal } from "../api/types";
import { clockText } from "../state/clock";
import { ECG_LOOK, type Look, Sweep } from "../wave/sweep";
import { attachSweep, frozenAtMs, wavesOf } from "../wave/waves";

const fill = (height: number) => 0.72 * height;

const STRIPS: Partial<Record<Signal, { label: string; scale: string; look: Look }>> = {
  ecg: { label: "ECG", scale: "25 mm/s  10 mm/mV", look: ECG_LOOK },
  pleth: { label: "Pleth", scale: "25 mm/s", look: { colour: "#7cc7ff", zero: 0.88, pxPerUnit: fill, minRowPx: Infinity } },
  resp: { label: "Resp", scale: "25 mm/s", look: { colour: "#e9e4d0", zero: 0.5, pxPerUnit: (h) => 0.4 * h, minRowPx: Infinity } },
};
// A tile shows one row, a few seconds long.
const TILE_KEEP_MS = 40_000;

interface Props {
  bed: number;
  name: Signal;
  // In a tile of the ward: one row, less of the past.
  tile?: boolean;
}

export function WaveStrip({ bed, name, tile }: Props) {
  const grid = useRef<HTMLCanvasElement>(null);
  const trace = useRef<HTMLCanvasElement>(null);
  const strip = STRIPS[name]!;
  useEffect(() => {
    const canvas = trace.current!;
    const look = tile ? { ...strip.look, minRowPx: Infinity, keepMs: TILE_KEEP_MS } : strip.look;
    const sweep = new Sweep(grid.current!, canvas, look);
    const resized = new ResizeObserver(() => sweep.resize(canvas.clientWidth, canvas.clientHeight));
    resized.observe(canvas);
    const detach = attachSweep(bed, name, sweep);
    return () => {
      resized.disconnect();
      detach();
    };
  }, []);
  return (
    <div class={`strip ${name}`}>
      <canvas ref={grid} class="grid" aria-hidden="true" />
      <canvas ref={trace} class="trace" role="img" aria-label={`${strip.label} trace, ${strip.scale}`} />
      {wavesOf(bed).tooFast.value && (
        <p class="strip-notice">Played faster than life: no trace is drawn, it would show a rhythm that nobody has.</p>
      )}
      <span class="strip-label">{strip.label}</span>
      {!tile && <span class="strip-scale">{strip.scale}</span>}
      {frozenAtMs.value !== null && <span class="frozen">FROZEN {clockText(frozenAtMs.value)}</span>}
    </div>
  );
}
