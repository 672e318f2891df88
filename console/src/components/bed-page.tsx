import { useEffect } from "preact/hooks";
import { bed as chosen } from "../state/page";
import type { BedState } from "../state/bed-state";
import { demo, wall } from "../state/session";
import { ClosedBed } from "./closed-bed";
import { DemoControls } from "./demo-controls";
import { Numerics } from "./numerics";
import { PageTitle } from "./page-title";
import { BedPanels } from "./bed-panels";
import { frozenAtMs } from "../wave/waves";
import { Waves } from "./waves";

function OpenBed({ bed }: { bed: BedState }) {
  return (
    <>
      {bed.hasWaves.value ? <Waves bed={bed} /> : <section class="waves closed" aria-label="Waves"><p>ECG is class II: closed</p></section>}
      <Numerics bed={bed} />
    </>
  );
}

export function BedPage() {
  const bed = chosen.value;
  // Frozen is what a person looks at: another bed, or this one seen again, runs.
  useEffect(() => () => void (frozenAtMs.value = null), [bed?.bed]);
  return (
    <main class="bed-view">
      <PageTitle text="Bed view" hidden />
      {bed && (bed.isOpen.value ? <OpenBed key={bed.bed} bed={bed} /> : <section class="closed-view" aria-label="Closed bed"><ClosedBed bed={bed} /></section>)}
      {bed && !wall.value && <BedPanels key={`panels ${bed.bed}`} bed={bed} />}
      {demo.value && !wall.value && <DemoControls />}
    </main>
  );
}
