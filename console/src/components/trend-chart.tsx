import type { Point } from "../api/aggregate-types";
import { clockText, dateText } from "../state/clock";
import { DataTable } from "./data-table";
import { countText, unitText } from "./words";

const WIDTH = 400;
const HEIGHT = 150;
const MARGIN = 8;

export function TrendChart({ points, unit: code, name }: { points: Point[]; unit: string; name: string }) {
  const unit = unitText(code);
  const digits = code === "Cel" ? 2 : 1;
  const known = points.flatMap(([, mean]) => (mean === null ? [] : [mean]));
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || known.length === 0) return <p class="plain">no reading</p>;
  const lowest = known.reduce((least, mean) => Math.min(least, mean), Infinity);
  const highest = known.reduce((most, mean) => Math.max(most, mean), -Infinity);
  const spread = highest - lowest || 1;
  const x = (time: number) => (((time - first[0]) / (last[0] - first[0] || 1)) * WIDTH).toFixed(2);
  const y = (mean: number) => (HEIGHT - MARGIN - ((mean - lowest) / spread) * (HEIGHT - 2 * MARGIN)).toFixed(2);
  // A slot without readings is a gap: a line across it would be an invention. A lone point becomes a dot.
  const line = points
    .map(([time, mean], n) => {
      if (mean === null) return "";
      return points[n - 1]?.[1] == null ? `M${x(time)} ${y(mean)}h0` : `L${x(time)} ${y(mean)}`;
    })
    .join("");
  const sameDay = new Date(first[0]).toDateString() === new Date(last[0]).toDateString();
  const time = sameDay ? clockText : dateText;
  const label = `Trend of ${name} from ${dateText(first[0])} to ${dateText(last[0])}, between ${lowest.toFixed(digits)} and ${highest.toFixed(digits)} ${unit}`;
  return (
    <figure class="chart">
      <p class="scale"><span>{highest.toFixed(digits)} {unit}</span><span>mean of {name}</span></p>
      <svg class="trend-line" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        <path d={line} />
      </svg>
      <p class="scale"><span>{lowest.toFixed(digits)} {unit}</span></p>
      <p class="scale"><span>{time(first[0])}</span><span>{time(last[0])}</span></p>
      <DataTable
        name={`Trend of ${name}`}
        columns={["time", `mean, ${unit}`, "readings"]}
        rows={points.map(([at, mean, readings]) => [time(at), mean?.toFixed(digits) ?? "none", countText(readings)])}
      />
    </figure>
  );
}
