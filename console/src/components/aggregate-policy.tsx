import type { Standing } from "../api/aggregate-types";
import { ageText, dateText } from "../state/clock";
import { countText, plural } from "./words";

export function AggregatePolicy({ standing }: { standing: Standing }) {
  const { vectors, oldest_ms: oldest, newest_ms: newest, window_ms: windowMs } = standing;
  return (
    <dl class="policy">
      <div>
        <dt>Encrypted windows</dt>
        <dd>
          <b data-vectors={vectors}>{countText(vectors)}</b>
          {windowMs !== null && ` of ${ageText(windowMs)}`}
          {vectors === 0 && ", the first one comes when its window ends"}
        </dd>
      </div>
      {oldest !== null && newest !== null && (
        <div><dt>Time</dt><dd>{dateText(oldest)} to {dateText(newest)}</dd></div>
      )}
      <div><dt>Smallest group</dt><dd>{plural(standing.cohort_min, "patient")}</dd></div>
      <div>
        <dt>Queries left today</dt>
        <dd><b>{countText(standing.queries_left)}</b> of {countText(standing.queries_per_day)}</dd>
      </div>
      <div><dt>Replicas</dt><dd>{standing.replicas === 0 ? "none: the clinic adds by itself" : standing.replicas}</dd></div>
      <div><dt>Ward key</dt><dd><code title={standing.key}>{standing.key.slice(0, 8)}…</code></dd></div>
    </dl>
  );
}
