import { status } from "../state/connection";
import { page } from "../state/page";
import { AggregatePage } from "./aggregate-page";
import { AlarmBar } from "./alarm-bar";
import { Announcer } from "./announcer";
import { BedPage } from "./bed-page";
import { Footer } from "./footer";
import { Header } from "./header";
import { LostFrame } from "./lost-frame";
import { NoSession } from "./no-session";

// Only the middle changes with the page: alarms, sound and the frame of a lost server belong to all of them.
export function App() {
  if (status.value === "no-session") return <NoSession />;
  return (
    <div class={`screen ${status.value}`}>
      <Header />
      <AlarmBar />
      {page.value === "aggregates" ? <AggregatePage /> : <BedPage />}
      <Footer />
      <LostFrame />
      <Announcer />
    </div>
  );
}
