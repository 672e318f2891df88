import { acknowledge } from "../api/actions";
import type { Alarm } from "../api/types";
import { next } from "../state/alarm-keys";
import { clockText } from "../state/clock";
import { isClinician, wall } from "../state/session";
import { bedName, type PlacedAlarm } from "../state/ward";
import { alarmText } from "./words";

function lifeText(alarm: Alarm): string {
  const seen = alarm.acknowledged;
  if (seen) return `ack ${clockText(seen.at_ms)} ${seen.who}`;
  if (alarm.state === "latched" && alarm.ended_at_ms) return `ended ${clockText(alarm.ended_at_ms)}, not seen`;
  return `since ${clockText(alarm.raised_at_ms)}`;
}

export function AcknowledgeButton({ alarm, short }: { alarm: Alarm; short?: boolean }) {
  if (alarm.acknowledged || alarm.redacted || wall.value || !isClinician.value) return null;
  const isNext = next.value?.alarm.id === alarm.id;
  return (
    <button
      class="acknowledge"
      {...(isNext ? { "aria-keyshortcuts": "A" } : {})}
      onClick={() => void acknowledge(alarm.id)}
    >
      {short ? "Ack" : "Acknowledge"}{isNext ? " (A)" : ""}
      <span class="visually-hidden"> {alarm.text}</span>
    </button>
  );
}

export function AlarmLine({ at, alarm, named }: PlacedAlarm & { named: boolean }) {
  return (
    <div class={`alarm ${alarm.priority} ${alarm.state}`} data-alarm={alarm.id}>
      {named && <a class="where" href={at.bed === 0 ? "#ward" : `#bed/${at.bed}`}>{bedName(at)}</a>}
      <span class="text" title={alarm.text}>{alarmText(alarm)}</span>
      <span class="life">{lifeText(alarm)}</span>
      <AcknowledgeButton alarm={alarm} />
    </div>
  );
}
