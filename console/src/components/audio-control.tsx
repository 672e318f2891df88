import { enableSound, soundEnabled } from "../audio/sounding";
import { pauseTarget, togglePause } from "../state/alarm-keys";
import { now } from "../state/clock";
import { wall } from "../state/session";
import { beds, bedName, isPaused } from "../state/ward";
import { leftText } from "./words";

export function AudioControl() {
  // A screen on the wall has no buttons; the first key or click anywhere enables its sound.
  if (wall.value) return soundEnabled.value ? null : <span class="pill technical sound">Sound off - press any key to enable</span>;
  if (!soundEnabled.value) {
    return (
      <button class="pill technical sound" onClick={() => void enableSound()}>
        Sound off - click to enable
      </button>
    );
  }
  const at = pauseTarget.value;
  if (!at) return <span class="pill sound">Sound on</span>;
  const paused = isPaused(at);
  const where = beds.value.length > 1 ? ` ${bedName(at)}` : "";
  return (
    <button class={`pill sound ${paused ? "paused" : ""}`} aria-keyshortcuts="P" onClick={() => togglePause(at)}>
      {paused ? `Audio paused${where} ${leftText((at.pause.value?.until_ms ?? 0) - now.value)}` : `Pause audio${where} 2 min (P)`}
    </button>
  );
}
