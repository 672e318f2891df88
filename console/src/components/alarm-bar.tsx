import { actionError } from "../api/actions";
import { bed, page } from "../state/page";
import { allAlarms, beds, type PlacedAlarm } from "../state/ward";
import { AlarmLine } from "./alarm-line";
import { plural } from "./words";

// More would push the page away; the ward's page has them all in their tiles.
const MAX_ELSEWHERE = 3;
const MAX_LINES = 8;

function Lines({ lines, most, named }: { lines: PlacedAlarm[]; most: number; named: boolean }) {
  const rest = lines.length - most;
  return (
    <>
      {lines.slice(0, most).map(({ at, alarm }) => <AlarmLine key={alarm.id} at={at} alarm={alarm} named={named} />)}
      {rest > 0 && <a class="more-alarms" href="#ward">and {plural(rest, "more alarm")} on the ward (W)</a>}
    </>
  );
}

// On a bed's page its own alarms, and those of the others that nobody has looked at; on the ward's page the tiles have
// theirs and here stand the clinic's own; elsewhere all of them.
export function AlarmBar() {
  const many = beds.value.length > 1;
  const onWard = page.value === "ward";
  const own = page.value === "bed" || page.value === "access" ? bed.value?.bed : undefined;
  const here = allAlarms.value.filter(({ at }) => (onWard ? at.bed === 0 : own === undefined || at.bed === own || at.bed === 0));
  const medical = here.filter(({ alarm }) => alarm.priority !== "technical");
  const technical = here.filter(({ alarm }) => alarm.priority === "technical");
  const elsewhere = own === undefined
    ? []
    : allAlarms.value.filter(({ at, alarm }) => at.bed !== own && at.bed !== 0 && alarm.priority !== "technical" && !alarm.acknowledged);
  if (onWard && here.length === 0 && !actionError.value) return null;
  const named = own === undefined && many;
  return (
    <section class={`alarm-bar ${technical.length > 0 ? "two" : ""}`} aria-label="Alarms">
      <div class="medical">
        {medical.length === 0 && elsewhere.length === 0 && <span class="quiet">{onWard ? "" : "No alarm"}</span>}
        <Lines lines={medical} most={MAX_LINES} named={named} />
        {elsewhere.length > 0 && (
          <div class="elsewhere" role="group" aria-label="Alarms of other beds">
            <Lines lines={elsewhere} most={MAX_ELSEWHERE} named />
          </div>
        )}
      </div>
      <div class="technical-alarms">
        {actionError.value && <span class="action-error" role="status">{actionError.value}</span>}
        {technical.map(({ at, alarm }) => <AlarmLine key={alarm.id} at={at} alarm={alarm} named={named} />)}
      </div>
    </section>
  );
}
