import { useEffect, useState } from "preact/hooks";
import type { Trends } from "../api/access-types";
import type { BedState } from "../state/bed-state";
import { clockText } from "../state/clock";
import { DataTable } from "./data-table";
import { TrendPlot } from "./trend-plot";
import { useLoaded } from "./use-loaded";
import { DIGITS, unitText, vitalText } from "./words";

const HOURS = [1, 4, 8, 12, 24];
const REFRESH_MS = 60_000;

export function TrendsPanel({ bed }: { bed: BedState }) {
  const [hours, setHours] = useState(4);
  const [minute, setMinute] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setMinute((count) => count + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const { value, error } = useLoaded<Trends>(`beds/${bed.bed}/trends?hours=${hours}`, minute);
  return (
    <section class="card trends" aria-labelledby="trends-title">
      <h2 id="trends-title">
        Trends: mean of each minute, in a band from least to most
        <label>
          Hours{" "}
          <select name="hours" value={hours} onChange={(event) => setHours(Number(event.currentTarget.value))}>
            {HOURS.map((count) => <option key={count} value={count}>{count}</option>)}
          </select>
        </label>
      </h2>
      {error && <p class="notice bad" role="status">{error}</p>}
      <div class="plots">
        {value?.signals.map(({ signal, unit, points }) => {
          const digits = DIGITS[signal] ?? 0;
          const name = `${vitalText(signal)}, ${unitText(unit)}`;
          return (
            <figure key={signal} class={`trend-figure ${signal}`}>
              <figcaption>{name}</figcaption>
              <TrendPlot
                signal={signal} points={points} sinceMs={value.since_ms} hours={hours} digits={digits}
                label={`Trend of ${name} over ${hours} h, ${points.length} minutes with readings`}
              />
              <DataTable
                name={`Trend of ${name}`}
                columns={["minute", "least", "mean", "most"]}
                rows={points.map(([at, min, mean, max]) => [clockText(at), min.toFixed(digits), mean.toFixed(digits), max.toFixed(digits)])}
              />
            </figure>
          );
        })}
      </div>
    </section>
  );
}
