import { computed } from "@preact/signals";
import { unseen } from "../state/board";
import { status } from "../state/connection";

const urgent = computed(() => {
  if (status.value === "lost") return "No live data: the server is lost";
  return unseen.value.filter((alarm) => alarm.priority === "high").map((alarm) => alarm.text).join(". ");
});
const others = computed(() =>
  unseen.value.filter((alarm) => alarm.priority !== "high").map((alarm) => alarm.text).join(". "),
);

// Alarms for screen readers: only high ones interrupt.
export function Announcer() {
  return (
    <div class="visually-hidden">
      <div aria-live="assertive">{urgent}</div>
      <div aria-live="polite">{others}</div>
    </div>
  );
}
