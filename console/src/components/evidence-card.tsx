import type { BedState } from "../state/bed-state";
import { ageText, clockText, now } from "../state/clock";
import { status } from "../state/connection";
import { CorrelationTrend } from "./correlation-trend";
import { EvidenceStrip } from "./evidence-strip";

const STALE_AFTER_MS = 5000;

// A hub may report each judgement or only those that raise an alarm. The last one is shown with its age, and stays in
// force while the alarm that rests on it is present.
export function EvidenceCard({ bed }: { bed: BedState }) {
  const { alarms, correlations } = bed;
  const last = correlations.value.at(-1);
  const alarm = alarms.value.find((candidate) => candidate.evidence);
  const shown = alarms.value.find((candidate) => candidate.strip);
  const age = last ? now.value - last.at_ms : 0;
  const holds = alarm !== undefined && alarm.state !== "latched" && last !== undefined && last.at_ms <= alarm.raised_at_ms;
  const current = last !== undefined && status.value === "live" && (age <= STALE_AFTER_MS || holds);
  const below = last !== undefined && last.rho < last.threshold;
  const judged = last && `judged ${clockText(last.at_ms)}, ${ageText(age)} ago`;
  return (
    <section class={`card evidence ${!current ? "stale" : below || holds ? "bad" : ""}`} aria-labelledby="evidence-title">
      <h2 id="evidence-title">Emergency evidence</h2>
      <p class="rho">
        <span class="rho-value">ρ {last && status.value === "live" ? last.rho.toFixed(2) : "---"}</span>
        {last && <span class="rho-threshold">{below ? "<" : "≥"} {last.threshold.toFixed(2)} threshold</span>}
      </p>
      {correlations.value.length > 1 && <CorrelationTrend bed={bed} />}
      {shown && <EvidenceStrip path={`alarms/${shown.id}/strip`} raisedAtMs={shown.raised_at_ms} />}
      {last && <p class="reason">{last.reason}</p>}
      {holds && !below && <p class="reason">raised by the rhythm; the shape of the beats alone would not have been enough</p>}
      <p class="judged">{judged ?? "The hub has reported no judgement; it does so when the rhythm becomes an emergency."}</p>
      {alarm?.evidence && last && alarm.raised_at_ms !== last.at_ms && (
        <p class="raised">
          Alarm {clockText(alarm.raised_at_ms)}: ρ {alarm.evidence.rho.toFixed(2)}, threshold{" "}
          {alarm.evidence.threshold.toFixed(2)}, {alarm.evidence.reason}
        </p>
      )}
    </section>
  );
}
