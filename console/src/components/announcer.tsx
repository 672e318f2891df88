import { computed } from "@preact/signals";
import { status } from "../state/connection";
import { allUnseen, beds, bedName, type PlacedAlarm } from "../state/ward";

const said = ({ at, alarm }: PlacedAlarm): string => {
  const text = alarm.redacted ? `${alarm.priority} alarm` : alarm.text;
  return beds.value.length > 1 ? `${bedName(at)}: ${text}` : text;
};
const urgent = computed(() => {
  if (status.value === "lost") return "No live data: the server is lost";
  return allUnseen.value.filter(({ alarm }) => alarm.priority === "high").map(said).join(". ");
});
const others = computed(() => allUnseen.value.filter(({ alarm }) => alarm.priority !== "high").map(said).join(". "));

// Alarms for screen readers: only high ones interrupt.
export function Announcer() {
  return (
    <div class="visually-hidden">
      <div aria-live="assertive">{urgent}</div>
      <div aria-live="polite">{others}</div>
    </div>
  );
}
