import { closeAccess } from "../access/glass";
import { cannotSign } from "../access/credential";
import { ask, usualPurpose } from "../access/run";
import { sealedSensors, sensorNumber } from "../access/sensors";
import type { RiskClass, Sensor } from "../api/types";
import type { BedState } from "../state/bed-state";
import { clockText, now } from "../state/clock";
import { showPage } from "../state/page";
import { reaches } from "../state/session";
import { bedName } from "../state/ward";
import { CLASS_SHOWS, leftText, purposeText, sensorText } from "./words";

const HOUR_MS = 3_600_000;
const RELATIONS: Record<string, string> = {
  none: "You have no relation to this patient.", consulting: "You are consulted for this patient.", "on-call": "You are on call for this patient.",
  treating: "You treat this patient.", own: "This is your own data.",
};

export function askForClass(bed: BedState, wanted: RiskClass, sensor?: Sensor): void {
  const purpose = usualPurpose(bed);
  if (!purpose) return;
  showPage("access", bed.bed);
  void ask(bed, { class: wanted, purpose, sensor: sensor && { number: sensorNumber(sensor), name: sensor.name } });
}

export function OpenGrant({ bed }: { bed: BedState }) {
  const access = bed.access.value;
  if (!access) return <p class="nothing-open">Nothing is open.</p>;
  const left = access.until_ms - now.value;
  return (
    <>
      <p class="grant">
        <b>Class {access.class}</b> for {purposeText(access.purpose)} until {clockText(access.until_ms)}
        {left < HOUR_MS && `, ${leftText(left)} left`}
      </p>
      <p class="shows">{CLASS_SHOWS[access.class]}</p>
      {access.waiting && <p class="waiting">The sensor is being asked for class III.</p>}
      {access.withheld && <p class="withheld">Withheld: {access.withheld}</p>}
      <button onClick={() => void closeAccess(access.id, bed.bed, bedName(bed))}>Close {access.override ? "break-glass" : "access"}</button>
    </>
  );
}

export function SealedSensors({ bed }: { bed: BedState }) {
  const level = bed.access.value?.class;
  if (cannotSign.value) return <p class="cannot">{cannotSign.value}</p>;
  if (!usualPurpose(bed)) return null;
  return (
    <>
      {!reaches(level, "II") && <button onClick={() => askForClass(bed, "II")}>Ask for class II</button>}
      {bed.patientNumber.value !== null && sealedSensors(bed).map((sensor) => (
        <button key={sensor.name} data-sealed={sensor.name} disabled={bed.access.value?.waiting ?? false} onClick={() => askForClass(bed, "III", sensor)}>
          Ask for class III: {sensorText(sensor.kind)}
        </button>
      ))}
    </>
  );
}

// What is open for this session, until when, and what is sealed.
export function AccessCard({ bed }: { bed: BedState }) {
  return (
    <section class={`card access ${bed.access.value?.override ? "override" : ""}`} aria-labelledby="access-title">
      <h2 id="access-title">Your access</h2>
      <OpenGrant bed={bed} />
      <p class="relation">{RELATIONS[bed.relation.value]}</p>
      <div class="asks"><SealedSensors bed={bed} /></div>
    </section>
  );
}
