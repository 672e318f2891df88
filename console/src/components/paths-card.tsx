import type { BedState } from "../state/bed-state";
import { pathsOf } from "../state/ward";
import { wavesOf } from "../wave/waves";

export function PathsCard({ bed }: { bed: BedState }) {
  const paths = pathsOf(bed);
  const lateMs = wavesOf(bed.bed).lateMs.value;
  const up = paths.filter((path) => path.condition !== "down").length;
  const all = paths.length;
  return (
    <section class={`card paths ${up < all ? "warn" : ""}`} aria-labelledby="paths-title">
      <h2 id="paths-title">
        Paths up <span class="count">{up}/{all}</span>
      </h2>
      <ul>
        {paths.map((path) => (
          <li key={path.index} class={path.condition}>
            <span class="dot" aria-hidden="true" />
            <span class="name">{path.name}</span>
            <span class="condition">{path.condition}</span>
            {path.reason && <span class="why" title={path.reason}>{path.reason}</span>}
          </li>
        ))}
      </ul>
      <p class="spool">
        Waiting in the hub {bed.buffer.value}
        {lateMs > 0 && `, late data ${Math.round(lateMs / 1000)} s stored, not drawn`}
      </p>
    </section>
  );
}
