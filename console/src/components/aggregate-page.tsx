import { useEffect } from "preact/hooks";
import { followStanding, standing, standingError } from "../state/aggregate-run";
import { demo } from "../state/session";
import { AggregateForm } from "./aggregate-form";
import { AggregateOutcome } from "./aggregate-outcome";
import { AggregatePolicy } from "./aggregate-policy";
import { DemoControls } from "./demo-controls";
import { PageTitle } from "./page-title";

export function AggregatePage() {
  useEffect(followStanding, []);
  return (
    <main class="aggregates">
      <PageTitle text="Aggregates of the ward" />
      <p class="about">
        Each hub encrypts its patient's vital signs, a time window at a time. Replicas add the encrypted windows up; only the
        clinic can open a sum.
      </p>
      {standingError.value && <p class="notice bad" role="status">{standingError.value}</p>}
      {standing.value && <AggregatePolicy standing={standing.value} />}
      {standing.value && <AggregateForm standing={standing.value} />}
      <AggregateOutcome />
      {demo.value && <DemoControls />}
    </main>
  );
}
