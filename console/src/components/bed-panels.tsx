import type { BedState } from "../state/bed-state";
import { EventList } from "./event-list";
import { EvidenceCard } from "./evidence-card";
import { LedgerCard } from "./ledger-card";
import { PathsCard } from "./paths-card";
import { SensorsCard } from "./sensors-card";

export function BedPanels({ bed }: { bed: BedState }) {
  return (
    <div class="cards">
      <EvidenceCard bed={bed} />
      <div class="stack">
        <PathsCard bed={bed} />
        <LedgerCard bed={bed} />
      </div>
      <SensorsCard bed={bed} />
      <EventList bed={bed} />
    </div>
  );
}
