import { actionError } from "../api/actions";
import { alarms } from "../state/board";
import { AlarmLine } from "./alarm-line";

export function AlarmBar() {
  const medical = alarms.value.filter((alarm) => alarm.priority !== "technical");
  const technical = alarms.value.filter((alarm) => alarm.priority === "technical");
  return (
    <section class={`alarm-bar ${technical.length > 0 ? "two" : ""}`} aria-label="Alarms">
      <div class="medical">
        {medical.length === 0 && <span class="quiet">No alarm</span>}
        {medical.map((alarm) => <AlarmLine key={alarm.id} alarm={alarm} />)}
      </div>
      <div class="technical-alarms">
        {actionError.value && <span class="action-error" role="status">{actionError.value}</span>}
        {technical.map((alarm) => <AlarmLine key={alarm.id} alarm={alarm} />)}
      </div>
    </section>
  );
}
