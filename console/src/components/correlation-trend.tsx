import type { BedState } from "../state/bed-state";

const WIDTH = 240;
const HEIGHT = 56;
const POINTS = 120;
const y = (rho: number) => (HEIGHT - 2 - Math.max(0, Math.min(1, rho)) * (HEIGHT - 4)).toFixed(1);

// Two minutes of correlation against the threshold; detail for the eye, the numbers stand above it.
export function CorrelationTrend({ bed }: { bed: BedState }) {
  const values = bed.correlations.value;
  const x = (n: number) => (WIDTH - (values.length - 1 - n) * (WIDTH / (POINTS - 1))).toFixed(1);
  const curve = values.map((value, n) => `${n ? "L" : "M"}${x(n)} ${y(value.rho)}`).join("");
  const threshold = values.at(-1)?.threshold;
  return (
    <svg class="trend" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {threshold !== undefined && <path class="threshold" d={`M0 ${y(threshold)}H${WIDTH}`} />}
      <path class="curve" d={curve} />
    </svg>
  );
}
