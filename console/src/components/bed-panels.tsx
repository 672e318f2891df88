import type { ComponentType } from "preact";
import { useRef, useState } from "preact/hooks";
import type { BedState } from "../state/bed-state";
import { printStrip } from "../wave/print";
import { frozenAtMs, toggleFreeze } from "../wave/waves";
import { AccessCard } from "./access-card";
import { AlarmReview } from "./alarm-review";
import { EventList } from "./event-list";
import { EvidenceCard } from "./evidence-card";
import { LedgerCard } from "./ledger-card";
import { LimitsPanel } from "./limits-panel";
import { PathsCard } from "./paths-card";
import { SensorsCard } from "./sensors-card";
import { TrendsPanel } from "./trends-panel";

function Overview({ bed }: { bed: BedState }) {
  return (
    <div class={`cards ${bed.hasWaves.value ? "" : "few"}`}>
      {/* What rests on the ECG is not there where that is closed; an empty card would say that nothing happened. */}
      {bed.hasWaves.value && <EvidenceCard bed={bed} />}
      <div class="stack">
        <PathsCard bed={bed} />
        <LedgerCard bed={bed} />
      </div>
      <SensorsCard bed={bed} />
      <AccessCard bed={bed} />
      {bed.isOpen.value && <EventList bed={bed} />}
    </div>
  );
}

// Those with `data` show the patient's and are there when the bed is open to class II.
const TABS: { name: string; label: string; data: boolean; Panel: ComponentType<{ bed: BedState }> }[] = [
  { name: "overview", label: "Overview", data: false, Panel: Overview },
  { name: "trends", label: "Trends", data: true, Panel: TrendsPanel },
  { name: "review", label: "Event review", data: true, Panel: AlarmReview },
  { name: "limits", label: "Limits", data: true, Panel: LimitsPanel },
];

export function BedPanels({ bed }: { bed: BedState }) {
  const [chosen, choose] = useState("overview");
  const list = useRef<HTMLDivElement>(null);
  const tabs = TABS.filter(({ data }) => !data || bed.hasWaves.value);
  const current = tabs.find(({ name }) => name === chosen) ?? tabs[0]!;
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = tabs[(tabs.indexOf(current) + by + tabs.length) % tabs.length]!;
    choose(next.name);
    list.current?.querySelector<HTMLElement>(`#tab-${next.name}`)?.focus();
  };
  return (
    <div class={`panels ${current.name}`}>
      <div class="panel-bar">
        <div ref={list} role="tablist" aria-label="About this bed" onKeyDown={step}>
          {tabs.map(({ name, label }) => (
            <button
              key={name} id={`tab-${name}`} role="tab" aria-controls="panel" aria-selected={name === current.name}
              tabIndex={name === current.name ? 0 : -1} onClick={() => choose(name)}
            >
              {label}
            </button>
          ))}
        </div>
        {bed.hasWaves.value && (
          <>
            <button class="freeze" aria-keyshortcuts="F" aria-pressed={frozenAtMs.value !== null} onClick={toggleFreeze}>
              {frozenAtMs.value === null ? "Freeze (F)" : "Go on (F)"}
            </button>
            <button class="print" onClick={() => printStrip(bed)}>Print strip</button>
          </>
        )}
        {bed.load.value && <span class="load">{bed.load.value.per_hour.toFixed(1)} alarms per hour</span>}
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${current.name}`}>
        <current.Panel bed={bed} />
      </div>
    </div>
  );
}
