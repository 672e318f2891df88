import type { Numeric, Signal } from "../api/types";
import type { BedState } from "../state/bed-state";
import { ageText, now } from "../state/clock";
import { status } from "../state/connection";
import { LimitMark } from "./limit-mark";
import { DIGITS, unitText } from "./words";

// A number is no longer current after two missed readings and a half, but not before this.
const STALE_AFTER_MS = 5000;
const STALE_AFTER_PERIODS = 2.5;

interface Props {
  bed: BedState;
  signal: Signal;
  label: string;
  badge?: string | null;
}

// What is shown of a number: its text, its age, and whether it is current.
export function readingOf(bed: BedState, signal: Signal): { text: string; age: string; fresh: boolean; numeric: Numeric | undefined } {
  const numeric = bed.numerics.value[signal];
  const ageMs = numeric ? now.value - numeric.sensor_time_ms : Infinity;
  const fresh = !!numeric && status.value === "live" && ageMs <= Math.max(STALE_AFTER_MS, STALE_AFTER_PERIODS * (numeric.period_ms ?? 0));
  const text = fresh && numeric.value !== null ? numeric.value.toFixed(DIGITS[signal] ?? 0) : "---";
  const closed = !numeric && bed.sealed.value.includes(signal);
  const age = closed ? "closed" : !numeric ? "no reading yet" : fresh ? ageText(ageMs) : `no data ${ageText(ageMs)}`;
  return { text, age, fresh, numeric };
}

export function NumericTile({ bed, signal, label, badge }: Props) {
  const { text: value, age: state, fresh, numeric } = readingOf(bed, signal);
  const limit = bed.limits.value.find((candidate) => candidate.signal === signal);
  return (
    <div class={`numeric ${signal} ${fresh ? "" : "stale"}`}>
      <span class="label">
        {label} {badge && <span class="badge">{badge}</span>}
        {limit && <LimitMark limit={limit} />}
      </span>
      <span class="unit">{unitText(numeric?.unit ?? "")}</span>
      <span class="value" data-signal={signal}>{value}</span>
      <span class="age">{state}</span>
      {numeric?.note && <span class="note">{numeric.note}</span>}
    </div>
  );
}
