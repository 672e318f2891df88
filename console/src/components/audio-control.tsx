import { enableSound, pauseLeftMs, soundEnabled, toggleAudioPause } from "../audio/sounding";

export function AudioControl() {
  if (!soundEnabled.value) {
    return (
      <button class="pill technical sound" onClick={() => void enableSound()}>
        Sound off - click to enable
      </button>
    );
  }
  const left = Math.ceil(pauseLeftMs.value / 1000);
  const countdown = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return (
    <button class={`pill sound ${left > 0 ? "paused" : ""}`} aria-keyshortcuts="P" onClick={toggleAudioPause}>
      {left > 0 ? `Audio paused ${countdown}` : "Pause audio 2 min (P)"}
    </button>
  );
}
