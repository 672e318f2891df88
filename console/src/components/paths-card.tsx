import { buffer, paths } from "../state/board";
import { lateWaveMs } from "../wave/waves";

export function PathsCard() {
  const up = paths.value.filter((path) => path.condition !== "down").length;
  const all = paths.value.length;
  return (
    <section class={`card paths ${up < all ? "warn" : ""}`} aria-labelledby="paths-title">
      <h2 id="paths-title">
        Paths up <span class="count">{up}/{all}</span>
      </h2>
      <ul>
        {paths.value.map((path) => (
          <li key={path.index} class={path.condition}>
            <span class="dot" aria-hidden="true" />
            <span class="name">{path.name}</span>
            <span class="condition">{path.condition}</span>
            {path.reason && <span class="why" title={path.reason}>{path.reason}</span>}
          </li>
        ))}
      </ul>
      <p class="spool">
        Waiting in the hub {buffer.value}
        {lateWaveMs.value > 0 && `, late data ${Math.round(lateWaveMs.value / 1000)} s stored, not drawn`}
      </p>
    </section>
  );
}
