import { now } from "../state/clock";
import { status } from "../state/connection";
import { headMs, MAX_LIVE_LAG_MS, newestSampleMs, tooFast } from "../wave/waves";

// Beyond this the sweep runs visibly behind the patient.
const SLOW_LAG_MS = 2000;

export function LivePill() {
  if (status.value !== "live") return <span class="pill live bad">NOT LIVE</span>;
  const unheard = now.value - newestSampleMs.value;
  if (newestSampleMs.value === 0 || unheard > MAX_LIVE_LAG_MS) return <span class="pill live bad">NO WAVES</span>;
  if (tooFast.value) return <span class="pill live slow">▲ NOT REAL TIME</span>;
  // How old the newest drawn sample is: what arrived and is not drawn yet helps nobody.
  const lag = now.value - Math.min(newestSampleMs.value, headMs() ?? newestSampleMs.value);
  const seconds = `${(Math.max(0, lag) / 1000).toFixed(1)} s`;
  if (lag > SLOW_LAG_MS) return <span class="pill live slow">▲ LAG {seconds}</span>;
  return <span class="pill live good">● LIVE {seconds}</span>;
}
