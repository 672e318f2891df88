import type { Progress, Refusal } from "../api/aggregate-types";
import { type Outcome, run } from "../state/aggregate-run";
import { LearntPanel } from "./learnt-panel";
import { SeenPanel } from "./seen-panel";
import { countText } from "./words";

const TITLES: Record<string, string> = {
  cohort: "Too few patients", group: "Group too small", difference: "Too close to an earlier query",
  budget: "No query left today", nothing: "Nothing there", "too-many": "Too much at once",
  replicas: "Too few replicas answered", authentic: "Not the sum that was asked for", failed: "The clinic failed",
};
// The replicas or the clinic are at fault, not the question.
const GRAVE = ["replicas", "authentic", "failed"];

// What a screen reader is told: the ends, not every step.
function said(outcome: Outcome): string {
  switch (outcome.state) {
    case "running": return "Asked; the replicas add up.";
    case "answered": return "The answer is there.";
    default: return "";
  }
}

function ProgressLine({ progress }: { progress: Progress | null }) {
  return (
    <div class="progress">
      <progress aria-label="Vectors added up" {...(progress ? { value: progress.done, max: progress.of } : {})} />
      <span>{progress ? `${countText(progress.done)} of ${countText(progress.of)} vectors added up` : "asked"}</span>
    </div>
  );
}

function RefusalText({ refusal }: { refusal: Refusal }) {
  return (
    <p class={`notice refusal ${GRAVE.includes(refusal.code) ? "bad" : ""}`} data-code={refusal.code}>
      <b>Refused: {TITLES[refusal.code] ?? refusal.code}.</b> {refusal.error}
    </p>
  );
}

export function AggregateOutcome() {
  const outcome = run.value?.outcome;
  return (
    <section class="outcome" aria-label="Answer" aria-busy={outcome?.state === "running"}>
      <div role="status">
        {outcome && <span class="visually-hidden">{said(outcome)}</span>}
        {outcome?.state === "refused" && <RefusalText refusal={outcome.refusal} />}
        {outcome?.state === "failed" && <p class="notice bad failure">{outcome.error}</p>}
        {outcome?.state === "cancelled" && <p class="notice cancelled">Cancelled; no answer came to this page.</p>}
      </div>
      {outcome?.state === "running" && <ProgressLine progress={outcome.progress} />}
      {run.value && outcome?.state === "answered" && (
        <>
          <div class="sides">
            <SeenPanel answer={outcome.answer} />
            <LearntPanel answer={outcome.answer} question={run.value.question} />
          </div>
          <p class="on-record">
            On record in the ledger: query in entry {countText(outcome.answer.audit.query)}, result in entry{" "}
            {countText(outcome.answer.audit.result)}. Added up in {countText(outcome.answer.evaluate_ms)} ms, opened in{" "}
            {countText(outcome.answer.decrypt_ms)} ms.
          </p>
        </>
      )}
    </section>
  );
}
