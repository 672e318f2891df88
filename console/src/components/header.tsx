import type { Priority } from "../api/types";
import { ageText, clockText, now } from "../state/clock";
import { status } from "../state/connection";
import { bed, page } from "../state/page";
import { certificate, person, wall } from "../state/session";
import { allAlarms, beds, ledgerOf, source, wardItself } from "../state/ward";
import { AudioControl } from "./audio-control";
import { LivePill } from "./live-pill";
import { PageLinks } from "./page-links";
import { roleText } from "./words";

const COUNTED: Priority[] = ["high", "medium", "low"];

// How many alarms of each priority the ward has.
function AlarmCounts() {
  return (
    <>
      {COUNTED.map((priority) => {
        const count = allAlarms.value.filter(({ alarm }) => alarm.priority === priority).length;
        return count > 0 && <span key={priority} class={`pill count ${priority}`}>{priority.toUpperCase()} {count}</span>;
      })}
    </>
  );
}

// So long before its end a certificate says when it ends: a new link takes a moment.
const WARN_MS = 30 * 60_000;

function Who() {
  const { name, role, highest } = person.value;
  const until = certificate.value?.until_ms;
  const text = [name, role && roleText(role), highest && `class ${highest}`].filter(Boolean).join(", ");
  return (
    <span class="pill who">
      {text}
      {until !== undefined && until - now.value < WARN_MS && (
        <b class="ends">{until > now.value ? ` until ${clockText(until)}` : " certificate ended: open a new link"}</b>
      )}
    </span>
  );
}

export function Header() {
  const many = beds.value.length > 1;
  const own = !many || page.value === "bed" || page.value === "access" ? bed.value : undefined;
  const book = ledgerOf(own ?? wardItself);
  return (
    <header>
      <span class="bed">{own || !many ? `Bed ${own?.label.value || "--"}` : "Ward"}</span>
      {own && <span class="patient">{own.patient.value}</span>}
      {source.value.kind === "simulated" && <span class="pill test">TEST DATA</span>}
      {source.value.kind === "recording" && <span class="pill test">RECORDING {source.value.name}</span>}
      {!wall.value && <PageLinks />}
      {many && <AlarmCounts />}
      <span class="space" />
      <LivePill />
      {book && (
        <span class={`pill ledger ${book.damage ? "bad" : "good"}`}>
          {book.damage ? "Ledger DAMAGED" : `Ledger ✓ ${ageText(now.value - book.verified_at_ms)}`}
        </span>
      )}
      <AudioControl />
      <Who />
      <time class="clock">{status.value === "live" ? clockText(now.value) : "--:--:--"}</time>
    </header>
  );
}
