import { closeAccess } from "../access/glass";
import type { OpenGlass } from "../api/access-types";
import { clockText, now } from "../state/clock";
import { wall } from "../state/session";
import { openGlass, bedOf } from "../state/ward";
import { leftText } from "./words";

function Line({ open }: { open: OpenGlass }) {
  const name = `Bed ${open.label || open.bed}`;
  const withheld = bedOf(open.bed)?.access.value?.withheld;
  return (
    <p class={open.mine ? "mine" : ""} data-glass={open.id}>
      <b>{open.mine ? "BREAK-GLASS OPEN" : "Break-glass"}</b>
      <a href={`#bed/${open.bed}`}>{name}</a>
      {open.mine ? <span class="left">{leftText(open.until_ms - now.value)} left</span> : <span>{open.who}, until {clockText(open.until_ms)}</span>}
      {open.mine && withheld && <span>withheld: {withheld}</span>}
      {open.mine && !wall.value && <button aria-label={`Close break-glass of ${name}`} onClick={() => void closeAccess(open.id, open.bed, name)}>Close</button>}
    </p>
  );
}

// On every page while one is open, the person's own ones first.
export function GlassBanner() {
  const open = openGlass.value.filter(({ until_ms: until }) => until > now.value);
  if (open.length === 0) return null;
  return (
    <section class="glass-banner" aria-label="Open break-glass">
      {[...open].sort((a, b) => Number(b.mine) - Number(a.mine)).map((one) => <Line key={one.id} open={one} />)}
    </section>
  );
}
