import { clockText } from "../state/clock";
import { lastHeardMs, status } from "../state/connection";

export function LostFrame() {
  if (status.value !== "lost") return null;
  const since = lastHeardMs.value ? ` since ${clockText(lastHeardMs.value)}` : "";
  return (
    <div class="lost-frame" role="alert">
      <p>NO LIVE DATA{since}</p>
      <p class="hint">The server does not answer. After a restart open the new link in its terminal.</p>
    </div>
  );
}
