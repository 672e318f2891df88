import { demo } from "../state/session";
import { status } from "../state/connection";
import { AlarmBar } from "./alarm-bar";
import { Announcer } from "./announcer";
import { DemoControls } from "./demo-controls";
import { EventList } from "./event-list";
import { EvidenceCard } from "./evidence-card";
import { Footer } from "./footer";
import { Header } from "./header";
import { LedgerCard } from "./ledger-card";
import { LostFrame } from "./lost-frame";
import { NoSession } from "./no-session";
import { Numerics } from "./numerics";
import { PathsCard } from "./paths-card";
import { SensorsCard } from "./sensors-card";
import { Waves } from "./waves";

export function App() {
  if (status.value === "no-session") return <NoSession />;
  return (
    <div class={`screen ${status.value}`}>
      <Header />
      <AlarmBar />
      <main>
        <h1 class="visually-hidden">Bed view</h1>
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
      <Footer />
      <LostFrame />
      <Announcer />
    </div>
  );
}
