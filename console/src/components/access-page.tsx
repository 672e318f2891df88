import { breakGlass } from "../access/glass";
import { cannotSign } from "../access/credential";
import { type Run, runs, STEPS } from "../access/run";
import type { AccessStep, StepName } from "../api/access-types";
import type { BedState } from "../state/bed-state";
import { bed as chosen, showPage } from "../state/page";
import { isClinician } from "../state/session";
import { bedName } from "../state/ward";
import { OpenGrant, SealedSensors } from "./access-card";
import { PageTitle } from "./page-title";
import { purposeText } from "./words";

const TITLES: Record<StepName, string> = {
  you: "You", house: "House", relation: "Relation", class: "Class", condition: "Patient's condition", sensor: "Sensor", answer: "Answer",
};
const MARKS: Record<AccessStep["state"], string> = { done: "✓", failed: "✗", waiting: "…", skipped: "–" };
const WORDS: Record<AccessStep["state"], string> = { done: "done", failed: "failed", waiting: "waiting", skipped: "not reached" };

// The decision as it is made, one step after the other. Steps that have not been told yet are not reached.
function Steps({ run }: { run: Run }) {
  const named = new Map(run.steps.map((step) => [step.step, step]));
  return (
    <ol class="steps" aria-label="Steps of the decision">
      {STEPS.map((name) => {
        const { state, text } = named.get(name) ?? { state: "skipped" as const, text: "" };
        return (
          <li key={name} class={state} data-step={name}>
            <span class="step-mark" aria-hidden="true">{MARKS[state]}</span>
            <span class="step-name">{TITLES[name]}<span class="visually-hidden">: {WORDS[state]}</span></span>
            <span class="step-text">{text}</span>
          </li>
        );
      })}
    </ol>
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function wishText({ wish }: Run): string {
  return `Class ${wish.class}${wish.sensor ? ` of ${wish.sensor.name}` : ""} for ${purposeText(wish.purpose)}`;
}

function End({ bed, run }: { bed: BedState; run: Run }) {
  const { outcome, wish } = run;
  switch (outcome.state) {
    case "asking": return <p>The house decides.</p>;
    case "failed": return <p class="notice bad">{outcome.error}</p>;
    case "refused":
      return (
        <div class="notice refusal">
          <p><b>Refused: {outcome.refused.reason}.</b> {sentence(outcome.refused.error)}</p>
          {outcome.refused.break_glass && isClinician.value && (
            <button class="glass" onClick={() => breakGlass(bed, wish.sensor?.number ?? null)}>Break glass</button>
          )}
        </div>
      );
    case "given":
      return (
        <div>
          {outcome.given.decision === "asking" && bed.access.value?.waiting && <p>The sensor decides about class III; class II is open meanwhile.</p>}
          {outcome.given.journalled && <p class="notice">The ledger is out of reach: this is in the clinic's journal, and goes on record later.</p>}
          {outcome.given.audit !== null && <p class="on-record">On record in entry {outcome.given.audit} of the ledger.</p>}
          {bed.isOpen.value && <button onClick={() => showPage("bed", bed.bed)}>Show {bedName(bed)}</button>}
        </div>
      );
  }
}

export function AccessPage() {
  const bed = chosen.value;
  const run = bed && runs.value.get(bed.bed);
  return (
    <main class="page access-page">
      <PageTitle text={bed ? `Access to ${bedName(bed)}` : "Access"} />
      {bed && (
        <div class="access-columns">
          <section class="card" aria-labelledby="open-title">
            <h2 id="open-title">Open for you</h2>
            <OpenGrant bed={bed} />
            <div class="asks">
              <SealedSensors bed={bed} />
              {isClinician.value && cannotSign.value === null && !bed.access.value?.override && run?.outcome.state !== "refused" && (
                <button class="glass" onClick={() => breakGlass(bed)}>Break glass</button>
              )}
            </div>
          </section>
          <section class="card" aria-labelledby="steps-title">
            <h2 id="steps-title">{run ? wishText(run) : "Nothing has been asked"}</h2>
            {run && <Steps run={run} />}
            <div role="status">{run && <End bed={bed} run={run} />}</div>
          </section>
        </div>
      )}
    </main>
  );
}
