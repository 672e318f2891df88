import type { Bin, Quantile } from "../api/aggregate-types";
import { DataTable } from "./data-table";
import { countText, unitText } from "./words";

const WIDTH = 400;
const HEIGHT = 150;
const GAP_SHARE = 0.12;

// Empty bins are left out on the wire, so that the smallest distance of two is the width of one.
function widthOf(bins: Bin[], unit: string): number {
  const distances = bins.slice(1).map(([value], n) => value - bins[n]![0]).filter((distance) => distance > 0);
  const least = unit === "Cel" ? 0.1 : 1;
  return distances.length > 0 ? Math.min(...distances) : least;
}

export function HistogramChart({ bins, quantiles, unit: code, name }: { bins: Bin[]; quantiles: Quantile[]; unit: string; name: string }) {
  const unit = unitText(code);
  const digits = code === "Cel" ? 1 : 0;
  const value = (number: number) => number.toFixed(digits);
  const [first, last] = [bins[0], bins.at(-1)];
  if (!first || !last) return <p class="plain">no reading</p>;
  const width = widthOf(bins, code);
  const start = first[0] - width / 2;
  const scale = WIDTH / (last[0] - first[0] + width);
  const most = bins.reduce((best, bin) => (bin[1] > best[1] ? bin : best), first);
  const x = (at: number) => ((at - start) * scale).toFixed(2);
  const median = quantiles.find(([part]) => part === 0.5)?.[1];
  const label = `Histogram of ${name} from ${value(first[0])} to ${value(last[0])} ${unit}, most readings at ${value(most[0])}`;
  return (
    <figure class="chart">
      <svg class="histogram" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {bins.map(([at, count]) => {
          const height = (count / most[1]) * HEIGHT;
          return (
            <rect
              key={at}
              x={x(at - (width * (1 - GAP_SHARE)) / 2)}
              y={(HEIGHT - height).toFixed(2)}
              width={(width * (1 - GAP_SHARE) * scale).toFixed(2)}
              height={height.toFixed(2)}
            />
          );
        })}
        {median !== undefined && <path class="median" d={`M${x(median)} 0V${HEIGHT}`} />}
      </svg>
      <p class="scale"><span>{value(first[0])}</span><span>{name}, {unit}</span><span>{value(last[0])}</span></p>
      <figcaption>The highest bar is {countText(most[1])} at {value(most[0])} {unit}; the dashed line is the median.</figcaption>
      <table class="quantiles">
        <caption class="visually-hidden">Quantiles</caption>
        <thead><tr>{quantiles.map(([part]) => <th key={part} scope="col">{part === 0.5 ? "median" : `${Math.round(100 * part)} %`}</th>)}</tr></thead>
        <tbody><tr>{quantiles.map(([part, at]) => <td key={part}>{value(at)}</td>)}</tr></tbody>
      </table>
      <DataTable
        name={`Histogram of ${name}`}
        columns={[`${name}, ${unit}`, "readings"]}
        rows={bins.map(([at, count]) => [value(at), countText(count)])}
      />
    </figure>
  );
}
