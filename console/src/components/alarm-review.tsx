import { useState } from "preact/hooks";
import type { AlarmRecord } from "../api/access-types";
import { readJson } from "../api/read";
import type { BedState } from "../state/bed-state";
import { ageText, clockText, dateText } from "../state/clock";
import { EvidenceStrip } from "./evidence-strip";
import { useLoaded } from "./use-loaded";
import { PREFIX } from "./words";

function Row({ record, isShown, show }: { record: AlarmRecord; isShown: boolean; show: () => void }) {
  const seen = record.acknowledged;
  return (
    <tr class={isShown ? "shown" : ""}>
      <td>{dateText(record.raised_ms)}</td>
      <td><span class={`word ${record.priority}`}>{PREFIX[record.priority]}{record.text}</span></td>
      <td>{record.ended_ms === null ? "still on" : ageText(record.ended_ms - record.raised_ms)}</td>
      <td>{seen ? `${seen.who}, ${clockText(seen.at_ms)}` : "nobody"}</td>
      <td>{record.strip && <button aria-pressed={isShown} onClick={show}>Strip</button>}</td>
    </tr>
  );
}

// Alarms that were: each with the ECG around it and who looked.
export function AlarmReview({ bed }: { bed: BedState }) {
  const path = `beds/${bed.bed}/alarms`;
  const { value, error } = useLoaded<{ alarms: AlarmRecord[] }>(path, bed.alarms.value.length);
  const [older, setOlder] = useState<AlarmRecord[]>([]);
  const [end, setEnd] = useState(false);
  const [shown, setShown] = useState<number | null>(null);
  const records = [...(value?.alarms ?? []), ...older];
  const chosen = records.find(({ number }) => number === shown) ?? records.find(({ strip }) => strip);
  const more = async () => {
    const last = records.at(-1);
    if (!last) return;
    const { alarms } = await readJson<{ alarms: AlarmRecord[] }>(`${path}?before=${last.raised_ms}`);
    setOlder([...older, ...alarms]);
    setEnd(alarms.length === 0);
  };
  return (
    <section class="card alarm-review" aria-labelledby="alarm-review-title">
      <h2 id="alarm-review-title">Event review</h2>
      {error && <p class="notice bad" role="status">{error}</p>}
      {value && records.length === 0 && <p class="none">no alarm is on record</p>}
      <div class="review-rows">
        {chosen?.strip && (
          <div class="review-strip">
            <p>{PREFIX[chosen.priority]}{chosen.text}, {dateText(chosen.raised_ms)}</p>
            <EvidenceStrip path={`${path}/${chosen.number}/strip`} raisedAtMs={chosen.raised_ms} />
          </div>
        )}
        <div class="scroll" tabIndex={0} role="region" aria-label="Alarms on record">
          <table class="records">
            <thead><tr><th>Raised</th><th>Alarm</th><th>Lasted</th><th>Acknowledged</th><th>ECG</th></tr></thead>
            <tbody>
              {records.map((record) => (
                <Row key={record.number} record={record} isShown={record === chosen} show={() => setShown(record.number)} />
              ))}
            </tbody>
          </table>
          {records.length > 0 && !end && <button class="older" onClick={() => void more().catch(() => setEnd(true))}>Older</button>}
        </div>
      </div>
    </section>
  );
}
