import type { Signal } from "../api/types";
import { numerics } from "../state/board";
import { ageText, now } from "../state/clock";
import { status } from "../state/connection";
import { unitText } from "./words";

// A number is no longer current after two missed readings and a half, but not before this.
const STALE_AFTER_MS = 5000;
const STALE_AFTER_PERIODS = 2.5;

interface Props {
  signal: Signal;
  label: string;
  digits: number;
  badge?: string | null;
}

export function NumericTile({ signal, label, digits, badge }: Props) {
  const numeric = numerics.value[signal];
  const age = numeric ? now.value - numeric.sensor_time_ms : Infinity;
  const fresh = numeric && status.value === "live" && age <= Math.max(STALE_AFTER_MS, STALE_AFTER_PERIODS * (numeric.period_ms ?? 0));
  const value = fresh && numeric.value !== null ? numeric.value.toFixed(digits) : "---";
  const state = !numeric ? "no reading yet" : fresh ? ageText(age) : `no data ${ageText(age)}`;
  return (
    <div class={`numeric ${signal} ${fresh ? "" : "stale"}`}>
      <span class="label">
        {label} {badge && <span class="badge">{badge}</span>}
      </span>
      <span class="unit">{unitText(numeric?.unit ?? "")}</span>
      <span class="value" data-signal={signal}>{value}</span>
      <span class="age">{state}</span>
      {numeric?.note && <span class="note">{numeric.note}</span>}
    </div>
  );
}
