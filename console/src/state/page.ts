import { effect, signal } from "@preact/signals";

// Which page is shown stands in the address, so that it survives a reload and the browser's own keys work.
export type Page = "bed" | "aggregates";
const TITLES: Record<Page, string> = { bed: "BodyWire console", aggregates: "Aggregates - BodyWire console" };

const fromAddress = (): Page => (location.hash === "#aggregates" ? "aggregates" : "bed");

export const page = signal<Page>(fromAddress());
// Pages turned since the start; the first one takes no focus.
export let pagesTurned = 0;

export function showPage(wanted: Page): void {
  if (wanted !== page.peek()) location.hash = wanted;
}

export function listenForPages(): void {
  addEventListener("hashchange", () => {
    pagesTurned += 1;
    page.value = fromAddress();
  });
  effect(() => {
    document.title = TITLES[page.value];
  });
}
