// Which alarm key A acknowledges and which bed key P silences: what the page shows with the letter beside it.
import { computed, signal } from "@preact/signals";
import { acknowledge, pauseAudio } from "../api/actions";
import type { BedState } from "./bed-state";
import { bed, page } from "./page";
import { isClinician } from "./session";
import { allReadable, isPaused, type PlacedAlarm, sounding, wardItself } from "./ward";

// Audio pause is at most this long (docs/console-api.md); it ends by itself.
const PAUSE_SECONDS = 120;

// The tile that has the focus.
export const focusedBed = signal<number | null>(null);

const onBed = computed(() => page.value === "bed" || page.value === "access");

export const next = computed<PlacedAlarm | undefined>(() => {
  if (!isClinician.value) return undefined;
  const own = onBed.value ? bed.value?.bed : page.value === "ward" ? focusedBed.value : null;
  if (own == null) return allReadable.value[0];
  return allReadable.value.find(({ at }) => at.bed === own || (onBed.value && at.bed === 0));
});

export function acknowledgeNext(): void {
  const shown = next.peek();
  if (shown) void acknowledge(shown.alarm.id);
}

export const pauseTarget = computed<BedState | undefined>(() => {
  if (!isClinician.value) return undefined;
  const own = onBed.value ? bed.value : undefined;
  if (own && (isPaused(own) || own.unseen.value.length > 0)) return own;
  return sounding.value?.at ?? own ?? (isPaused(wardItself) ? wardItself : undefined);
});

export function togglePause(at: BedState | undefined): void {
  if (at) void pauseAudio(at.bed, isPaused(at) ? 0 : PAUSE_SECONDS);
}
