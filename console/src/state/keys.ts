import { acknowledge } from "../api/actions";
import { toggleAudioPause } from "../audio/sounding";
import { unseen } from "./board";

export function acknowledgeMostUrgent(): void {
  const alarm = unseen.value[0];
  if (alarm) void acknowledge(alarm.id);
}

export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "a" || event.key === "A") acknowledgeMostUrgent();
    if (event.key === "p" || event.key === "P") toggleAudioPause();
  });
}
