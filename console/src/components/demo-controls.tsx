import { breakPath, emergencyNow, restorePath, tamper } from "../api/actions";
import { paths, source } from "../state/board";
import { pathText } from "./words";

export function DemoControls() {
  return (
    <section class="demo" aria-label="Demonstration">
      <span class="demo-label">Demonstration</span>
      {/* A recording is somebody's heart and does not deteriorate on request. */}
      {source.value.kind !== "recording" && (
        <button data-demo="emergency" onClick={() => void emergencyNow()}>Emergency now</button>
      )}
      {paths.value.map((path) => {
        const down = path.condition === "down";
        return (
          <button
            key={path.index}
            data-demo={`path-${path.index}`}
            onClick={() => void (down ? restorePath(path.index) : breakPath(path.index))}
          >
            {down ? "Restore" : "Break"} {pathText(path.name)}
          </button>
        );
      })}
      <button data-demo="tamper" onClick={() => void tamper()}>Tamper with a record</button>
    </section>
  );
}
