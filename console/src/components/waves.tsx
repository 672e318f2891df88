import type { BedState } from "../state/bed-state";
import { wavesOf } from "../wave/waves";
import { WaveStrip } from "./wave-strip";

// A strip is a canvas of one bed: another bed gets another one.
export function Waves({ bed: { bed } }: { bed: BedState }) {
  return (
    <section class="waves" aria-label="Waves">
      {wavesOf(bed).names.value.map((name) => <WaveStrip key={`${bed}/${name}`} bed={bed} name={name} />)}
    </section>
  );
}
