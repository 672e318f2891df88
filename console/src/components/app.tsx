import type { ComponentType } from "preact";
import { status } from "../state/connection";
import { page, type Page } from "../state/page";
import { wall } from "../state/session";
import { AccessPage } from "./access-page";
import { AggregatePage } from "./aggregate-page";
import { AlarmBar } from "./alarm-bar";
import { Announcer } from "./announcer";
import { AuditPage } from "./audit-page";
import { BedPage } from "./bed-page";
import { ClosingCard } from "./closing-card";
import { DevicesPage } from "./devices-page";
import { Footer } from "./footer";
import { GlassBanner } from "./glass-banner";
import { GlassDialog } from "./glass-dialog";
import { Header } from "./header";
import { LostFrame } from "./lost-frame";
import { NoSession } from "./no-session";
import { PrintSheet } from "./print-sheet";
import { ReviewsPage } from "./reviews-page";
import { WardPage } from "./ward-page";

const PAGES: Record<Page, ComponentType> = {
  ward: WardPage, bed: BedPage, access: AccessPage, audit: AuditPage, reviews: ReviewsPage, devices: DevicesPage,
  aggregates: AggregatePage,
};

// Only the middle changes with the page: alarms, sound, open break-glass and the frame of a lost server belong to all.
export function App() {
  if (status.value === "no-session") return <NoSession />;
  const Shown = PAGES[page.value];
  return (
    <div class={`screen ${status.value} ${wall.value ? "wall" : ""}`}>
      <Header />
      <AlarmBar />
      <GlassBanner />
      <Shown />
      <Footer />
      <LostFrame />
      <GlassDialog />
      <ClosingCard />
      <Announcer />
      <PrintSheet />
    </div>
  );
}
