import { clockText, dateText, now } from "../state/clock";
import { person } from "../state/session";
import { bedName, source } from "../state/ward";
import { PRINT_SECONDS, printed } from "../wave/print";
import { MM_PER_MV, MM_PER_SECOND } from "../wave/scale";
import { sourceText } from "./footer";

const HEIGHT_MM = 50;
const WIDTH_MM = PRINT_SECONDS * MM_PER_SECOND;
// Samples further apart than this are not joined: a lost message is a gap on paper too.
const MAX_JOINED_MS = 40;

const lines = (every: number): string =>
  Array.from({ length: WIDTH_MM / every + 1 }, (_, n) => `M${n * every} 0V${HEIGHT_MM}`).join("") +
  Array.from({ length: HEIGHT_MM / every + 1 }, (_, n) => `M0 ${n * every}H${WIDTH_MM}`).join("");

// What the printer gets: a strip in millimetres and all that is needed to read it. It is not on the screen.
export function PrintSheet() {
  const strip = printed.value;
  // A bed that has closed since is not printed again.
  if (!strip || !strip.bed.hasWaves.value) return null;
  const { bed, samples, fromMs } = strip;
  let before = -Infinity;
  const trace = samples
    .map(({ time, value }) => {
      const joined = time - before < MAX_JOINED_MS;
      before = time;
      return `${joined ? "L" : "M"}${(((time - fromMs) / 1000) * MM_PER_SECOND).toFixed(2)} ${(HEIGHT_MM * 0.6 - value * MM_PER_MV).toFixed(2)}`;
    })
    .join("");
  return (
    <div class="print-sheet" aria-hidden="true">
      <p class="print-head">
        <b>{bedName(bed)}</b> {bed.patient.value} <b>{sourceText(source.value)}</b> <b>NOT FOR CLINICAL USE</b>
      </p>
      <svg width={`${WIDTH_MM}mm`} height={`${HEIGHT_MM}mm`} viewBox={`0 0 ${WIDTH_MM} ${HEIGHT_MM}`}>
        <path class="print-minor" d={lines(1)} />
        <path class="print-major" d={lines(5)} />
        <path class="print-trace" d={trace} />
      </svg>
      <p>
        ECG {dateText(fromMs)} to {clockText(fromMs + 1000 * PRINT_SECONDS)}, {MM_PER_SECOND} mm/s, {MM_PER_MV} mm/mV
      </p>
      <p>Printed {dateText(now.value)} by {person.value.name}. Research software, not a medical device.</p>
    </div>
  );
}
