import { now } from "../state/clock";
import { status } from "../state/connection";
import { bed, page } from "../state/page";
import { MAX_LIVE_LAG_MS, wantedBeds, wavesOf } from "../wave/waves";

// Beyond this the sweep runs visibly behind the patient.
const SLOW_LAG_MS = 2000;

// The bed that is looked at, or else the one that is most behind of those on the screen.
function shownWaves() {
  const wanted = wantedBeds.value === "" ? [] : wantedBeds.value.split(",").map(Number);
  const shown = page.value === "bed" && bed.value ? wanted.filter((number) => number === bed.value?.bed) : wanted;
  return shown.map(wavesOf);
}

export function LivePill() {
  if (status.value !== "live") return <span class="pill live bad">NOT LIVE</span>;
  const shown = shownWaves();
  // No wave is on the screen: what lives is the stream of numbers and alarms.
  if (shown.length === 0) return <span class="pill live good">● LIVE</span>;
  const silent = shown.filter(({ newestMs }) => newestMs.value === 0 || now.value - newestMs.value > MAX_LIVE_LAG_MS);
  if (silent.length === shown.length) return <span class="pill live bad">NO WAVES</span>;
  const living = shown.filter((waves) => !silent.includes(waves));
  if (living.some(({ tooFast }) => tooFast.value)) return <span class="pill live slow">▲ NOT REAL TIME</span>;
  // How old the newest drawn sample is: what arrived and is not drawn yet helps nobody.
  const oldest = Math.min(...living.map((waves) => Math.min(waves.newestMs.value, waves.headMs ?? waves.newestMs.value)));
  const lag = now.value - oldest;
  const seconds = `${(Math.max(0, lag) / 1000).toFixed(1)} s`;
  if (silent.length > 0) return <span class="pill live slow">▲ {silent.length} WITHOUT WAVES</span>;
  if (lag > SLOW_LAG_MS) return <span class="pill live slow">▲ LAG {seconds}</span>;
  return <span class="pill live good">● LIVE {seconds}</span>;
}
