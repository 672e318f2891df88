import { signal } from "@preact/signals";
import type { BedState } from "./bed-state";

// What is looked for on the ward's page. Nothing moves: what does not match is dimmed.
export const sought = signal("");
// Counts how often key / was pressed on another page, so that the field takes the focus once it is there.
export const searching = signal(0);

export function matches(bed: BedState): boolean {
  const text = sought.value.trim().toLowerCase();
  return text === "" || `${bed.label.value} ${bed.patient.value}`.toLowerCase().includes(text);
}
