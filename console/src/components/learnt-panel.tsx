import type { Answer, Question } from "../api/aggregate-types";
import { standing } from "../state/aggregate-run";
import { dateText } from "../state/clock";
import { HistogramChart } from "./histogram-chart";
import { TrendChart } from "./trend-chart";
import { countText, plural, unitText, vitalText } from "./words";

interface Headline {
  value: number | null;
  text: string;
  unit: string;
  about: string;
}

// Temperatures differ in tenths; their means say something in hundredths.
const digitsOf = (unit: string): number => (unit === "Cel" ? 2 : 1);

function limitsText({ above, below }: Question, unit: string): string {
  const parts = [above !== undefined ? `above ${above} ${unit}` : "", below !== undefined ? `below ${below} ${unit}` : ""];
  return parts.filter(Boolean).join(" or ");
}

// The one number of an answer, if it has one.
function headline({ function: name, result, unit: code, signal }: Answer, question: Question): Headline | null {
  const unit = unitText(code);
  const of = (value: number | null | undefined, digits: number, units: string, about: string): Headline =>
    ({ value: value ?? null, text: value == null ? "no reading" : countText(Number(value.toFixed(digits))), unit: units, about });
  const vital = vitalText(signal);
  if (name === "mean") return of(result.mean, digitsOf(code), unit, `mean of ${vital}`);
  if (name === "sum") return of(result.sum, 1, unit, `sum of all readings of ${vital}`);
  if (name === "variance") {
    const deviation = result.deviation == null ? "" : `, standard deviation ${result.deviation.toFixed(2)} ${unit}`;
    return of(result.variance, 2, `(${unit})²`, `variance of ${vital}${deviation}`);
  }
  if (name === "count") {
    const [count, all] = [result.count ?? 0, result.of ?? 0];
    const share = all > 0 ? ` (${((100 * count) / all).toFixed(1)} %)` : "";
    return of(count, 0, "", `of ${plural(all, "reading")} of ${vital} ${limitsText(question, unit)}${share}`);
  }
  return null;
}

// A sum over one patient is that patient's own, and nobody should think otherwise.
const openedText = (least: number): string =>
  least > 1
    ? `Only sums over at least ${least} patients were opened.`
    : "Only sums were opened; the smallest group here is one patient, so that a sum can be one patient's own.";

export function LearntPanel({ answer, question }: { answer: Answer; question: Question }) {
  const top = headline(answer, question);
  const { result, unit } = answer;
  const least = standing.value?.cohort_min;
  return (
    <section class="card side learnt" aria-labelledby="learnt-title">
      <h2 id="learnt-title">
        What the clinic learnt {answer.simulated && <span class="pill test">SIMULATED</span>}
      </h2>
      {top && (
        <p class="headline">
          <span class="large" data-value={top.value ?? ""}>{top.text}</span> {top.value !== null && <b>{top.unit}</b>} {top.about}
        </p>
      )}
      {result.bins && <HistogramChart bins={result.bins} quantiles={result.quantiles ?? []} unit={unit} name={vitalText(answer.signal)} />}
      {result.points && <TrendChart points={result.points} unit={unit} name={vitalText(answer.signal)} />}
      <dl class="facts">
        <div><dt>Readings</dt><dd>{countText(answer.readings)}</dd></div>
        <div><dt>Patients</dt><dd>{countText(answer.patients)}</dd></div>
        <div><dt>Windows</dt><dd>{countText(answer.windows)}</dd></div>
        <div><dt>Time</dt><dd>{dateText(answer.from_ms)} to {dateText(answer.to_ms)}</dd></div>
        {answer.outside > 0 && (
          <div class="outside"><dt>Beyond the scale</dt><dd>{plural(answer.outside, "reading")}, in no figure here</dd></div>
        )}
      </dl>
      {least !== undefined && <p class="plain">{openedText(least)}</p>}
    </section>
  );
}
