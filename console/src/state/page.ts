import { computed, effect, signal } from "@preact/signals";
import { isPatient, wall } from "./session";
import { beds } from "./ward";

// Which page is shown stands in the address, so that it survives a reload and the browser's own keys work.
export const PAGES = ["ward", "bed", "access", "audit", "reviews", "devices", "aggregates"] as const;
export type Page = (typeof PAGES)[number];

interface Route {
  page: Page;
  bed: number | null;
}
function fromAddress(): Route | null {
  const [, name, bed] = /^#([a-z]+)(?:\/(\d{1,5}))?$/.exec(location.hash) ?? [];
  const page = PAGES.find((known) => known === name);
  return page ? { page, bed: bed ? Number(bed) : null } : null;
}

const route = signal<Route | null>(fromAddress());
const lastBed = signal<number | null>(route.peek()?.bed ?? null);

// A ward of one bed starts with it.
export const page = computed<Page>(() => {
  const wanted = route.value?.page ?? (beds.value.length > 1 ? "ward" : "bed");
  return wall.value && wanted !== "bed" ? "ward" : wanted;
});
// The bed that was looked at last.
export const bed = computed(() => beds.value.find(({ bed: number }) => number === lastBed.value) ?? beds.value[0]);
// Pages turned since the start; the first one takes no focus.
export let pagesTurned = 0;

export function showPage(wanted: Page, bedNumber?: number): void {
  location.hash = bedNumber === undefined ? wanted : `${wanted}/${bedNumber}`;
}

const TITLES: Record<Page, string> = {
  ward: "Ward", bed: "", access: "Access", audit: "Audit", reviews: "Reviews", devices: "Devices", aggregates: "Aggregates",
};
const titleOf = (shown: Page): string => (isPatient.value && (shown === "audit" || shown === "reviews") ? "Who looked at my data" : TITLES[shown]);

export function listenForPages(): void {
  addEventListener("hashchange", () => {
    pagesTurned += 1;
    const next = fromAddress();
    if (next?.bed != null) lastBed.value = next.bed;
    route.value = next;
  });
  effect(() => {
    const title = titleOf(page.value);
    document.title = title ? `${title} - BodyWire console` : "BodyWire console";
  });
}
