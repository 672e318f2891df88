import { breakPath, emergencyNow, restorePath, tamper } from "../api/actions";
import { bed } from "../state/page";
import { pathsOf, source, wardItself } from "../state/ward";
import { pathText } from "./words";

export function DemoControls() {
  const at = bed.value ?? wardItself;
  return (
    <section class="demo" aria-label="Demonstration">
      <span class="demo-label">Demonstration</span>
      {/* A recording is somebody's heart and does not deteriorate on request. */}
      {source.value.kind !== "recording" && (
        <button data-demo="emergency" onClick={() => void emergencyNow(at.bed)}>Emergency now</button>
      )}
      {pathsOf(at).map((path) => {
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
