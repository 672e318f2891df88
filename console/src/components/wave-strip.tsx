import { useEffect, useRef } from "preact/hooks";
import type { Signal } from "../api/types";
import { ECG_LOOK, type Look, Sweep } from "../wave/sweep";
import { attachSweep, tooFast } from "../wave/waves";

const fill = (height: number) => 0.72 * height;

const STRIPS: Partial<Record<Signal, { label: string; scale: string; look: Look }>> = {
  ecg: { label: "ECG", scale: "25 mm/s  10 mm/mV", look: ECG_LOOK },
  pleth: { label: "Pleth", scale: "25 mm/s", look: { colour: "#7cc7ff", zero: 0.88, pxPerUnit: fill, minRowPx: Infinity } },
  resp: { label: "Resp", scale: "25 mm/s", look: { colour: "#e9e4d0", zero: 0.5, pxPerUnit: (h) => 0.4 * h, minRowPx: Infinity } },
};

export function WaveStrip({ name }: { name: Signal }) {
  const grid = useRef<HTMLCanvasElement>(null);
  const trace = useRef<HTMLCanvasElement>(null);
  const strip = STRIPS[name]!;
  useEffect(() => {
    const canvas = trace.current!;
    const sweep = new Sweep(grid.current!, canvas, strip.look);
    const resized = new ResizeObserver(() => sweep.resize(canvas.clientWidth, canvas.clientHeight));
    resized.observe(canvas);
    const detach = attachSweep(name, sweep);
    return () => {
      resized.disconnect();
      detach();
    };
  }, []);
  return (
    <div class={`strip ${name}`}>
      <canvas ref={grid} class="grid" aria-hidden="true" />
      <canvas ref={trace} class="trace" role="img" aria-label={`${strip.label} trace, ${strip.scale}`} />
      {tooFast.value && (
        <p class="strip-notice">Played faster than life: no trace is drawn, it would show a rhythm that nobody has.</p>
      )}
      <span class="strip-label">{strip.label}</span>
      <span class="strip-scale">{strip.scale}</span>
    </div>
  );
}
