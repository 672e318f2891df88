import type { Signal } from "../api/types";
import { focusedBed } from "../state/alarm-keys";
import type { BedState } from "../state/bed-state";
import { ageText, now } from "../state/clock";
import { matches } from "../state/search";
import { wall } from "../state/session";
import { bedName, isPaused, ledgerOf, pathsOf } from "../state/ward";
import { MAX_LIVE_LAG_MS, wavesOf } from "../wave/waves";
import { AcknowledgeButton } from "./alarm-line";
import { ClosedBed } from "./closed-bed";
import { CrossedBell, LimitMark } from "./limit-mark";
import { readingOf } from "./numeric-tile";
import { WaveStrip } from "./wave-strip";
import { alarmText, leftText } from "./words";

// So many keys open a bed.
const PLACE_KEYS = 9;
const NUMBERS: [Signal, string][] = [["heart-rate", "HR"], ["spo2", "SpO₂"], ["resp", "Resp"], ["temp", "Temp"]];
// A tile has room for the ECG and one more.
const WAVES = 2;

function TileNumber({ bed, signal, label }: { bed: BedState; signal: Signal; label: string }) {
  const { text, age, fresh } = readingOf(bed, signal);
  const limit = bed.limits.value.find((candidate) => candidate.signal === signal);
  return (
    <div class={`tile-number ${signal} ${fresh ? "" : "stale"}`}>
      <span class="label">{label}{limit && <LimitMark limit={limit} />}</span>
      <span class="value" data-signal={signal}>{text}</span>
      <span class="age">{age}</span>
    </div>
  );
}

function TileAlarm({ bed }: { bed: BedState }) {
  const medical = bed.alarms.value.filter(({ priority }) => priority !== "technical");
  // What nobody has looked at stands before a more urgent one that somebody has.
  const shown = medical.find((alarm) => !alarm.acknowledged) ?? medical[0];
  if (!shown) return null;
  return (
    <div class={`alarm ${shown.priority} ${shown.state}`} data-alarm={shown.id}>
      <span class="text" title={alarmText(shown)}>{alarmText(shown)}</span>
      {medical.length > 1 && <span class="life">+{medical.length - 1}</span>}
      {shown.acknowledged && <span class="life">ack</span>}
      {shown.state === "latched" && <span class="life">ended</span>}
      <AcknowledgeButton alarm={shown} short />
    </div>
  );
}

function TileFoot({ bed }: { bed: BedState }) {
  const paths = pathsOf(bed);
  const up = paths.filter(({ condition }) => condition !== "down").length;
  const book = ledgerOf(bed);
  const authenticated = Math.max(0, ...bed.sensors.value.map((sensor) => sensor.authenticated_at_ms ?? 0));
  const technical = bed.alarms.value.find(({ priority }) => priority === "technical");
  return (
    <div class="tile-foot">
      {technical && <span class="technical" title={technical.text}>{alarmText(technical)}</span>}
      <span class={up < paths.length ? "warn" : ""}>paths {up}/{paths.length}{up < paths.length && " ▲"}</span>
      {authenticated > 0 && <span>auth ✓ {ageText(now.value - authenticated)}</span>}
      {book && <span class={book.damage ? "bad" : ""}>ledger {book.damage ? "✗ DAMAGED" : "✓"}</span>}
      {bed.load.value && <span><span class="visually-hidden">alarms: </span>{bed.load.value.per_hour.toFixed(1)} per hour</span>}
    </div>
  );
}

function TileBody({ bed }: { bed: BedState }) {
  const waves = wavesOf(bed.bed);
  const silent = bed.hasWaves.value && (waves.newestMs.value === 0 || now.value - waves.newestMs.value > MAX_LIVE_LAG_MS);
  return (
    <>
      <div class="tile-waves">
        {bed.hasWaves.value
          ? waves.names.value.slice(0, WAVES).map((name) => <WaveStrip key={name} bed={bed.bed} name={name} tile />)
          : <p class="closed no-wave">ECG is class II: closed</p>}
        {silent && <span class="no-live">no waves</span>}
      </div>
      <div class="tile-numbers">
        {NUMBERS.map(([signal, label]) => <TileNumber key={signal} bed={bed} signal={signal} label={label} />)}
      </div>
    </>
  );
}

// One bed of the ward. Its border and its alarm's prefix say how urgent it is, not only the colour.
export function WardTile({ bed, place }: { bed: BedState; place: number }) {
  const worst = bed.alarms.value.find(({ priority }) => priority !== "technical");
  const key = place <= PLACE_KEYS ? String(place) : null;
  const off = bed.limits.value.some(({ enabled }) => !enabled);
  return (
    <article
      class={`tile ${worst?.priority ?? ""} ${bed.isOpen.value ? "" : "is-closed"} ${matches(bed) ? "" : "dimmed"}`}
      data-bed={bed.bed}
      aria-label={bedName(bed)}
      onFocusIn={() => (focusedBed.value = bed.bed)}
      onFocusOut={() => (focusedBed.value = null)}
    >
      <div class="tile-head">
        <a class="tile-name" href={`#bed/${bed.bed}`} {...(key ? { "aria-keyshortcuts": key } : {})}>
          {bed.label.value || bed.bed}{key && !wall.value && <kbd aria-hidden="true">{key}</kbd>}
        </a>
        <span class="tile-patient">{bed.patient.value}</span>
        {bed.access.value?.override && <span class="override">BREAK-GLASS {leftText(bed.access.value.until_ms - now.value)}</span>}
        {bed.condition.value === "emergency" && <span class="emergency">EMERGENCY</span>}
        {off && <CrossedBell />}
        {isPaused(bed) && <span class="tile-paused">audio paused {leftText((bed.pause.value?.until_ms ?? 0) - now.value)}</span>}
        <TileAlarm bed={bed} />
      </div>
      {bed.isOpen.value ? <TileBody bed={bed} /> : <ClosedBed bed={bed} />}
      <TileFoot bed={bed} />
    </article>
  );
}
