// The beds that the person has to do with are asked for without a click, once after each beginning.
import type { BedState } from "../state/bed-state";
import { beds } from "../state/ward";
import { cannotSign } from "./credential";
import { ask, type Outcome, runs, usualClass, usualPurpose } from "./run";

// Refusals of class II after which class I may still be given (docs/access.md): a nurse who is consulted, an old list.
const CLASS_REASONS = ["class above certificate", "class not allowed", "list stale", "list missing"];

// Beds that are asked for at a time: a full ward opens quickly and the server is not run over.
const AT_A_TIME = 4;

const tried = new Set<number>();
const waiting: BedState[] = [];
let asking = 0;

const wantsClassI = (outcome: Outcome): boolean => outcome.state === "refused" && CLASS_REASONS.includes(outcome.refused.reason);

async function askFor(bed: BedState): Promise<void> {
  if (bed.access.peek() || runs.peek().get(bed.bed)?.outcome.state === "asking") return;
  const purpose = usualPurpose(bed);
  if (!purpose) return;
  const wish = { class: usualClass(), purpose };
  const outcome = await ask(bed, wish);
  if (wish.class === "II" && wantsClassI(outcome)) await ask(bed, { ...wish, class: "I" });
}

export const startAsking = (): void => tried.clear();

async function askOn(): Promise<void> {
  if (asking >= AT_A_TIME) return;
  asking += 1;
  for (let bed = waiting.shift(); bed; bed = waiting.shift()) await askFor(bed);
  asking -= 1;
}

export function askForOwnBeds(): void {
  if (cannotSign.peek()) return;
  const wanted = beds.peek().filter((bed) => bed.relation.peek() !== "none" && !bed.access.peek() && !tried.has(bed.bed));
  for (const bed of wanted) tried.add(bed.bed);
  waiting.push(...wanted);
  for (let n = 0; n < Math.min(AT_A_TIME, waiting.length); n++) void askOn();
}

// Who closes a bed wants it closed.
export const leaveClosed = (bed: number): unknown => tried.add(bed);
