import { waveSignals } from "../wave/waves";
import { WaveStrip } from "./wave-strip";

export function Waves() {
  return (
    <section class="waves" aria-label="Waves">
      {waveSignals.value.map((name) => <WaveStrip key={name} name={name} />)}
    </section>
  );
}
