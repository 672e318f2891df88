// Break-glass: which bed its dialog is open for, what is open now, and the card of one that was closed.
import { signal } from "@preact/signals";
import type { Closed, OpenGlass } from "../api/access-types";
import { actionError, refusalText, send, UNREACHABLE } from "../api/actions";
import { readJson } from "../api/read";
import type { BedState } from "../state/bed-state";
import { openGlass } from "../state/ward";
import { leaveClosed } from "./own-beds";

// Characters of the reason in words.
export const STATEMENT_MIN = 5;
export const STATEMENT_MAX = 200;
export const GLASS_MINUTES = 15;

// `sensor` is the class III sensor that was refused before.
export const glassFor = signal<{ bed: BedState; sensor: number | null } | null>(null);
export const closingCard = signal<{ name: string; closed: Closed } | null>(null);

export const breakGlass = (bed: BedState, sensor: number | null = null): void => {
  glassFor.value = { bed, sensor };
};

export async function loadOpenGlass(): Promise<void> {
  try {
    openGlass.value = (await readJson<{ open: OpenGlass[] }>("access")).open;
  } catch {
    // The next `break-glass` event tells.
  }
}

// Ends one's own grant or override.
export async function closeAccess(id: number, bed: number, name: string): Promise<void> {
  actionError.value = null;
  leaveClosed(bed);
  try {
    const response = await send("POST", `access/${id}/close`);
    if (response.ok) closingCard.value = { name, closed: ((await response.json()) as { closed: Closed }).closed };
    else actionError.value = await refusalText(response);
  } catch {
    actionError.value = UNREACHABLE;
  }
}
