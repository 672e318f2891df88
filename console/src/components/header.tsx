import { ledger, patient, source } from "../state/board";
import { ageText, clockText, now } from "../state/clock";
import { status } from "../state/connection";
import { person } from "../state/session";
import { AudioControl } from "./audio-control";
import { LivePill } from "./live-pill";
import { PageLinks } from "./page-links";

export function Header() {
  const book = ledger.value;
  return (
    <header>
      <span class="bed">Bed {patient.value.bed || "--"}</span>
      <span class="patient">{patient.value.label}</span>
      {source.value.kind === "simulated" && <span class="pill test">TEST DATA</span>}
      {source.value.kind === "recording" && <span class="pill test">RECORDING {source.value.name}</span>}
      <PageLinks />
      <span class="space" />
      <LivePill />
      {book && (
        <span class={`pill ledger ${book.damage ? "bad" : "good"}`}>
          {book.damage ? "Ledger DAMAGED" : `Ledger ✓ ${ageText(now.value - book.verified_at_ms)}`}
        </span>
      )}
      <AudioControl />
      <span class="pill who">{person.value}</span>
      <time class="clock">{status.value === "live" ? clockText(now.value) : "--:--:--"}</time>
    </header>
  );
}
