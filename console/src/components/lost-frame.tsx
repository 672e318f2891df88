import { useLayoutEffect, useRef } from "preact/hooks";
import { clockText } from "../state/clock";
import { lastHeardMs, status } from "../state/connection";

// A popover, because it must lie over an open dialog too.
function Frame() {
  const frame = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => frame.current?.showPopover(), []);
  const since = lastHeardMs.value ? ` since ${clockText(lastHeardMs.value)}` : "";
  return (
    <div ref={frame} class="lost-frame" role="alert" popover="manual">
      <p>NO LIVE DATA{since}</p>
      <p class="hint">The server does not answer. After a restart open the new link in its terminal.</p>
    </div>
  );
}

export const LostFrame = () => (status.value === "lost" ? <Frame /> : null);
