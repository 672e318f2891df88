import type { BedEvidence } from "../api/access-types";
import type { BedState } from "../state/bed-state";
import { ageText, clockText, now } from "../state/clock";
import { CorrelationTrend } from "./correlation-trend";
import { EvidenceStrip } from "./evidence-strip";
import { useLoaded } from "./use-loaded";

// What speaks for an emergency, before anything is opened. Trend and strip are there only for who may see them anyway.
export function GlassEvidence({ bed }: { bed: BedState }) {
  const { value, error } = useLoaded<BedEvidence>(`beds/${bed.bed}/evidence`);
  const alarm = bed.alarms.value.find(({ strip, redacted }) => strip && !redacted);
  return (
    <section class={`glass-evidence ${value ? "bad" : ""}`} aria-label="Evidence">
      {value && (
        <>
          <p class="rho">
            <span class="rho-value">ρ {value.rho.toFixed(2)}</span>
            <span class="rho-threshold">{value.rho < value.threshold ? "<" : "≥"} {value.threshold.toFixed(2)} threshold</span>
          </p>
          <p><b>{value.reason}</b>, judged {clockText(value.at_ms)}, {ageText(now.value - value.at_ms)} ago</p>
          {bed.correlations.value.length > 1 && <CorrelationTrend bed={bed} />}
          {alarm && <EvidenceStrip path={`alarms/${alarm.id}/strip`} raisedAtMs={alarm.raised_at_ms} />}
          {value.strip && !alarm && <p class="hint">The ECG that led to it comes with the access.</p>}
        </>
      )}
      {error && <p>No emergency is shown: {error}. Classes I and II open in any condition.</p>}
    </section>
  );
}
