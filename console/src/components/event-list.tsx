import type { BedState } from "../state/bed-state";
import { clockText } from "../state/clock";

const SHOWN = 20;

export function EventList({ bed: { log } }: { bed: BedState }) {
  return (
    <section class="card events" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {log.value.length === 0 && <p class="none">nothing yet</p>}
      <ol tabIndex={0} aria-labelledby="events-title">
        {log.value.slice(-SHOWN).reverse().map((line, n) => (
          <li key={log.value.length - n}>
            <time>{clockText(line.at_ms)}</time> {line.text}
          </li>
        ))}
      </ol>
    </section>
  );
}
