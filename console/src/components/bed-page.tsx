import { demo } from "../state/session";
import { DemoControls } from "./demo-controls";
import { EventList } from "./event-list";
import { EvidenceCard } from "./evidence-card";
import { LedgerCard } from "./ledger-card";
import { Numerics } from "./numerics";
import { PageTitle } from "./page-title";
import { PathsCard } from "./paths-card";
import { SensorsCard } from "./sensors-card";
import { Waves } from "./waves";

export function BedPage() {
  return (
    <main>
      <PageTitle text="Bed view" hidden />
      <Waves />
      <Numerics />
      <div class="cards">
        <EvidenceCard />
        <div class="stack">
          <PathsCard />
          <LedgerCard />
        </div>
        <SensorsCard />
        <EventList />
      </div>
      {demo.value && <DemoControls />}
    </main>
  );
}
