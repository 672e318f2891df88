import { alarms, correlations } from "../state/board";
import { clockText, now } from "../state/clock";
import { status } from "../state/connection";
import { CorrelationTrend } from "./correlation-trend";

const STALE_AFTER_MS = 5000;

export function EvidenceCard() {
  const last = correlations.value.at(-1);
  const current = last && status.value === "live" && now.value - last.at_ms <= STALE_AFTER_MS;
  const below = last && last.rho < last.threshold;
  const alarm = alarms.value.find((candidate) => candidate.evidence);
  return (
    <section class={`card evidence ${!current ? "stale" : below ? "bad" : ""}`} aria-labelledby="evidence-title">
      <h2 id="evidence-title">Emergency evidence</h2>
      <p class="rho">
        <span class="rho-value">ρ {current ? last.rho.toFixed(2) : "---"}</span>
        {last && <span class="rho-threshold">{below ? "<" : "≥"} {last.threshold.toFixed(2)} threshold</span>}
      </p>
      <CorrelationTrend />
      <p class="reason">{current ? last.reason : "no current judgement"}</p>
      {alarm?.evidence && (
        <p class="raised">
          Alarm {clockText(alarm.raised_at_ms)}: ρ {alarm.evidence.rho.toFixed(2)}, threshold{" "}
          {alarm.evidence.threshold.toFixed(2)}, {alarm.evidence.reason}
        </p>
      )}
    </section>
  );
}
