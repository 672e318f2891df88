import { glassFor, closingCard } from "../access/glass";
import { toggleFreeze } from "../wave/waves";
import { acknowledgeNext, pauseTarget, togglePause } from "./alarm-keys";
import { page, showPage, type Page } from "./page";
import { wall } from "./session";
import { searching } from "./search";
import { beds } from "./ward";

const PAGE_KEYS: Record<string, Page> = { w: "ward", b: "bed", x: "access", u: "audit", r: "reviews", d: "devices", g: "aggregates" };
// What a screen on the wall answers to, besides the numbers.
const WALL_KEYS = ["w"];

// A letter typed into a field belongs to the field: nobody acknowledges an alarm by choosing from a list.
const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches("input, select, textarea");

function act(key: string): boolean {
  const place = /^[1-9]$/.test(key) ? beds.peek()[Number(key) - 1] : undefined;
  if (place) showPage("bed", place.bed);
  else if (wall.peek() && !WALL_KEYS.includes(key)) return false;
  else if (PAGE_KEYS[key]) showPage(PAGE_KEYS[key]);
  else if (key === "a") acknowledgeNext();
  else if (key === "p") togglePause(pauseTarget.peek());
  else if (key === "f" && page.peek() === "bed") toggleFreeze();
  else if (key === "/") {
    // At once where the field is there: what is typed next belongs to it, not to the keys.
    const field = document.querySelector<HTMLElement>(".search input");
    if (field) field.focus();
    else {
      showPage("ward");
      searching.value += 1;
    }
  } else return false;
  return true;
}

export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    // A dialog has the keys for itself.
    if (isField(event.target) || glassFor.peek() || closingCard.peek()) return;
    if (act(event.key.toLowerCase())) event.preventDefault();
  });
}
