import type { Signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { AggregateFunction, Standing } from "../api/aggregate-types";
import {
  above, below, chosenFunction, chosenSignal, chosenSpan, fieldTime, fromText, questionOrWhy, type Span, toText,
} from "../state/aggregate-query";
import { cancel, run, start } from "../state/aggregate-run";
import { serverNow } from "../state/clock";
import { unitText, vitalText } from "./words";

const FUNCTIONS: [AggregateFunction, string][] = [
  ["mean", "Mean"], ["variance", "Variance"], ["count", "Count over thresholds"], ["histogram", "Histogram"],
  ["trend", "Trend"], ["sum", "Sum"],
];
const SPANS: [Span, string][] = [
  ["hour", "Last hour"], ["day", "Last 24 hours"], ["all", "Everything there is"], ["dates", "From ... to"],
];

interface ChoiceProps {
  label: string;
  name: string;
  options: [string, string][];
  value: string;
  onChoice: (value: string) => void;
}

function Choice({ label, name, options, value, onChoice }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select name={name} value={value} onChange={(event) => onChoice(event.currentTarget.value)}>
        {options.map(([option, text]) => <option key={option} value={option}>{text}</option>)}
      </select>
    </label>
  );
}

function Field({ label, name, type, text }: { label: string; name: string; type: "number" | "datetime-local"; text: Signal<string> }) {
  return (
    <label>
      <span>{label}</span>
      <input
        name={name}
        type={type}
        step={type === "number" ? "any" : 1}
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
      />
    </label>
  );
}

export function AggregateForm({ standing }: { standing: Standing }) {
  const [missing, setMissing] = useState<string | null>(null);
  const running = run.value?.outcome.state === "running";
  const unit = unitText(standing.signals.find(({ name }) => name === chosenSignal.value)?.unit ?? "");
  const submit = (event: Event) => {
    event.preventDefault();
    if (running) return;
    const question = questionOrWhy(standing, serverNow());
    setMissing(typeof question === "string" ? question : null);
    if (typeof question !== "string") void start(question);
  };
  // The page is drawn anew before the browser acts on the click: the button is one that submits by then.
  const stop = (event: Event) => {
    event.preventDefault();
    cancel();
  };
  const chooseSpan = (span: string) => {
    chosenSpan.value = span as Span;
    if (span !== "dates" || fromText.value !== "") return;
    fromText.value = fieldTime(standing.oldest_ms ?? serverNow());
    toText.value = fieldTime(standing.newest_ms ?? serverNow());
  };
  return (
    // The browser's own checks would speak in its language and stop at fields that are not shown.
    <form class="query" aria-label="Query" noValidate onSubmit={submit}>
      <Choice
        label="Signal"
        name="signal"
        options={standing.signals.map(({ name }) => [name, vitalText(name)])}
        value={chosenSignal.value}
        onChoice={(name) => (chosenSignal.value = name)}
      />
      <Choice
        label="Function"
        name="function"
        options={FUNCTIONS}
        value={chosenFunction.value}
        onChoice={(name) => (chosenFunction.value = name as AggregateFunction)}
      />
      {chosenFunction.value === "count" && (
        <>
          <Field label={`Above (${unit})`} name="above" type="number" text={above} />
          <Field label={`or below (${unit})`} name="below" type="number" text={below} />
        </>
      )}
      <Choice label="Time" name="span" options={SPANS} value={chosenSpan.value} onChoice={chooseSpan} />
      {chosenSpan.value === "dates" && (
        <>
          <Field label="From" name="from" type="datetime-local" text={fromText} />
          <Field label="to" name="to" type="datetime-local" text={toText} />
        </>
      )}
      {/* One button in one place, so that the focus stays where it was when a query ends. */}
      <button type={running ? "button" : "submit"} class="run" onClick={running ? stop : undefined}>
        {running ? "Cancel" : "Ask the replicas"}
      </button>
      <p class="missing" role="status">{missing}</p>
    </form>
  );
}
