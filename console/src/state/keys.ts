import { acknowledge } from "../api/actions";
import { toggleAudioPause } from "../audio/sounding";
import { unseen } from "./board";
import { showPage } from "./page";

export function acknowledgeMostUrgent(): void {
  const alarm = unseen.value[0];
  if (alarm) void acknowledge(alarm.id);
}

// A letter typed into a field belongs to the field: nobody acknowledges an alarm by choosing from a list.
const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches("input, select, textarea");

export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (isField(event.target)) return;
    if (event.key === "a" || event.key === "A") acknowledgeMostUrgent();
    if (event.key === "p" || event.key === "P") toggleAudioPause();
    if (event.key === "b" || event.key === "B") showPage("bed");
    if (event.key === "g" || event.key === "G") showPage("aggregates");
  });
}
