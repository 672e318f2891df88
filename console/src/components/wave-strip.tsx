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
// A tile shows one low row, a few seconds long: R waves need the room above.
const TILE_LOOK: Partial<Look> = { minRowPx: Infinity, keepMs: 40_000 };
const TILE_ECG_ZERO = 0.78;

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
    const look = tile ? { ...strip.look, ...TILE_LOOK, ...(name === "ecg" && { zero: TILE_ECG_ZERO }) } : strip.look;
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
