import { batch, computed, signal } from "@preact/signals";
import type { OpenGlass } from "../api/access-types";
import type { Alarm, Source, Ward } from "../api/types";
import { BedState, byUrgency } from "./bed-state";
import { now } from "./clock";

export const source = signal<Source>({ kind: "live" });
// In the order of their numbers, always: where a bed stands is how people find it.
export const beds = signal<BedState[]>([]);
export const wardItself = new BedState(0);
// Break-glass that is open now, anybody's.
export const openGlass = signal<OpenGlass[]>([]);

export interface PlacedAlarm {
  at: BedState;
  alarm: Alarm;
}
const everywhere = computed(() => [wardItself, ...beds.value]);
export const allAlarms = computed<PlacedAlarm[]>(() =>
  everywhere.value
    .flatMap((at) => at.alarms.value.map((alarm) => ({ at, alarm })))
    .sort((a, b) => byUrgency(a.alarm, b.alarm)),
);
export const allUnseen = computed(() => allAlarms.value.filter(({ alarm }) => !alarm.acknowledged));
// Those that can be acknowledged here: what is only known by its priority, nobody has looked at.
export const allReadable = computed(() => allUnseen.value.filter(({ alarm }) => !alarm.redacted));

export const isPaused = (bed: BedState): boolean => (bed.pause.value?.until_ms ?? 0) > now.value;
// The alarm that has the sound. A bed that is closed here is seen and not heard: who may not look could not silence it either.
export const sounding = computed(() => allUnseen.value.find(({ at, alarm }) => !alarm.redacted && !isPaused(at)));

export const bedOf = (number: number): BedState | undefined => beds.peek().find(({ bed }) => bed === number);
// Paths and ledger are the bed's own, or else the clinic's.
export const pathsOf = (bed: BedState) => (bed.paths.value.length > 0 ? bed.paths.value : wardItself.paths.value);
export const ledgerOf = (bed: BedState) => bed.ledger.value ?? wardItself.ledger.value;
export const bedName = (bed: BedState): string => (bed.bed === 0 ? "Ward" : `Bed ${bed.label.value || bed.bed}`);

export function replaceWard(ward: Ward): void {
  batch(() => {
    source.value = ward.source;
    wardItself.replace(ward.ward);
    if (ward.break_glass) openGlass.value = ward.break_glass.open;
    // A bed stays the same object, so that its tile and its sweep stay too.
    beds.value = [...ward.beds]
      .sort((a, b) => a.bed - b.bed)
      .map((bed) => {
        const state = bedOf(bed.bed) ?? new BedState(bed.bed);
        state.replace(bed);
        return state;
      });
  });
}

export function applyToBed(kind: string, { bed, value }: { bed: number; value: unknown }): void {
  if (kind === "source") source.value = value as Source;
  else if (kind === "break-glass") openGlass.value = (value as { open: OpenGlass[] }).open;
  else if (bed === 0) wardItself.apply(kind, value);
  else bedOf(bed)?.apply(kind, value);
}
