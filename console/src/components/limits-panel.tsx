import { useEffect, useState } from "preact/hooks";
import { setLimit } from "../api/limits";
import type { Limit } from "../api/types";
import type { BedState } from "../state/bed-state";
import { dateText } from "../state/clock";
import { isClinician, reaches } from "../state/session";
import { CrossedBell } from "./limit-mark";
import { unitText, vitalText } from "./words";

const PRIORITIES: Limit["priority"][] = ["high", "medium", "low"];
const asText = (value: number | null): string => (value === null ? "" : String(value));
const asNumber = (text: string): number | null => (text.trim() === "" ? null : Number(text));

interface Edited {
  low: string;
  high: string;
  priority: Limit["priority"];
  enabled: boolean;
}
const editedOf = (limit: Limit): Edited => ({ low: asText(limit.low), high: asText(limit.high), priority: limit.priority, enabled: limit.enabled });

function whyNot(low: number | null, high: number | null): string | null {
  if (Number.isNaN(low) || Number.isNaN(high)) return "A limit must be a number, or empty for none.";
  return low !== null && high !== null && low >= high ? "The low limit must lie below the high one." : null;
}

function Row({ bed, limit, mayEdit, tell }: { bed: number; limit: Limit; mayEdit: boolean; tell: (text: string | null) => void }) {
  const [edited, setEdited] = useState(editedOf(limit));
  // Somebody else's change is shown at once; what was typed here and not saved goes.
  useEffect(() => setEdited(editedOf(limit)), [limit]);
  const name = vitalText(limit.signal);
  const before = editedOf(limit);
  const changed = (Object.keys(before) as (keyof Edited)[]).some((key) => before[key] !== edited[key]);
  const save = async () => {
    const [low, high] = [asNumber(edited.low), asNumber(edited.high)];
    const wrong = whyNot(low, high);
    tell(wrong ?? (await setLimit(bed, { signal: limit.signal, low, high, priority: edited.priority, enabled: edited.enabled })));
  };
  const number = (key: "low" | "high") => (
    <input
      type="text" inputMode="decimal" name={`${limit.signal}-${key}`} aria-label={`${name}, ${key} limit`} disabled={!mayEdit}
      value={edited[key]} onInput={(event) => setEdited({ ...edited, [key]: event.currentTarget.value })}
    />
  );
  return (
    <tr data-limit={limit.signal}>
      <th scope="row">{name} <span class="unit">{unitText(limit.unit)}</span></th>
      <td>{number("low")}</td>
      <td>{number("high")}</td>
      <td>
        <select
          name={`${limit.signal}-priority`} aria-label={`${name}, priority`} disabled={!mayEdit} value={edited.priority}
          onChange={(event) => setEdited({ ...edited, priority: event.currentTarget.value as Limit["priority"] })}
        >
          {PRIORITIES.map((priority) => <option key={priority} value={priority}>{priority}</option>)}
        </select>
      </td>
      <td>
        <label class="alarm-off">
          <input
            type="checkbox" name={`${limit.signal}-off`} disabled={!mayEdit} checked={!edited.enabled}
            onChange={(event) => setEdited({ ...edited, enabled: !event.currentTarget.checked })}
          />
          Alarm off {!limit.enabled && <CrossedBell />}
        </label>
      </td>
      <td>{mayEdit && <button disabled={!changed} onClick={() => void save()}>Save</button>}</td>
      <td class="changed">{limit.changed ? `${limit.changed.who}, ${dateText(limit.changed.at_ms)}` : "as shipped"}</td>
    </tr>
  );
}

// Limits and alarm off. Neither acknowledges anything nor pauses the sound; each change is on record with its name.
export function LimitsPanel({ bed }: { bed: BedState }) {
  const [told, tell] = useState<string | null>(null);
  const mayEdit = isClinician.value && bed.relation.value === "treating" && reaches(bed.access.value?.class, "II");
  return (
    <section class="card limits" aria-labelledby="limits-title">
      <h2 id="limits-title">Alarm limits <span class="hint">{mayEdit ? "each change is on record" : "only who treats the patient changes them"}</span></h2>
      <p class="told" role="status">{told}</p>
      <table>
        <thead><tr><th>Signal</th><th>Low</th><th>High</th><th>Priority</th><th>Off</th><th><span class="visually-hidden">Save</span></th><th>Last change</th></tr></thead>
        <tbody>{bed.limits.value.map((limit) => <Row key={limit.signal} bed={bed.bed} limit={limit} mayEdit={mayEdit} tell={tell} />)}</tbody>
      </table>
    </section>
  );
}
