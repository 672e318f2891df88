import { acknowledge } from "../api/actions";
import type { Alarm, Priority } from "../api/types";
import { unseen } from "../state/board";
import { clockText } from "../state/clock";

const PREFIX: Record<Priority, string> = { high: "*** ", medium: "** ", low: "* ", technical: "" };

function lifeText(alarm: Alarm): string {
  const seen = alarm.acknowledged;
  if (seen) return `ack ${clockText(seen.at_ms)} ${seen.who}`;
  if (alarm.state === "latched" && alarm.ended_at_ms) return `ended ${clockText(alarm.ended_at_ms)}, not seen`;
  return `since ${clockText(alarm.raised_at_ms)}`;
}

export function AlarmLine({ alarm }: { alarm: Alarm }) {
  const isNext = unseen.value[0]?.id === alarm.id;
  return (
    <div class={`alarm ${alarm.priority} ${alarm.state}`} data-alarm={alarm.id}>
      <span class="text" title={alarm.text}>{PREFIX[alarm.priority]}{alarm.text}</span>
      <span class="life">{lifeText(alarm)}</span>
      {!alarm.acknowledged && (
        <button
          class="acknowledge"
          aria-label={`Acknowledge ${alarm.text}`}
          {...(isNext ? { "aria-keyshortcuts": "A" } : {})}
          onClick={() => void acknowledge(alarm.id)}
        >
          Acknowledge{isNext ? " (A)" : ""}
        </button>
      )}
    </div>
  );
}
