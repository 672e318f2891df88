// The beds that the person has to do with are asked for without a click, once after each beginning.
import type { BedState } from "../state/bed-state";
import { beds } from "../state/ward";
import { cannotSign } from "./credential";
import { ask, type Outcome, runs, usualClass, usualPurpose } from "./run";

// Refusals of class II after which class I may still be given (docs/access.md): a nurse who is consulted, an old list.
const CLASS_REASONS = ["class above certificate", "class not allowed", "list stale", "list missing"];

const tried = new Set<number>();
let asking: Promise<void> = Promise.resolve();

const wantsClassI = (outcome: Outcome): boolean => outcome.state === "refused" && CLASS_REASONS.includes(outcome.refused.reason);

async function askFor(bed: BedState): Promise<void> {
  if (bed.access.peek() || runs.peek().get(bed.bed)?.outcome.state === "asking") return;
  const wish = { class: usualClass(), purpose: usualPurpose() };
  const outcome = await ask(bed, wish);
  if (wish.class === "II" && wantsClassI(outcome)) await ask(bed, { ...wish, class: "I" });
}

export const startAsking = (): void => tried.clear();

// One after the other; a later call goes on behind.
export function askForOwnBeds(): Promise<void> {
  if (cannotSign.peek()) return asking;
  const wanted = beds.peek().filter((bed) => bed.relation.peek() !== "none" && !bed.access.peek() && !tried.has(bed.bed));
  for (const bed of wanted) tried.add(bed.bed);
  asking = wanted.reduce((before, bed) => before.then(() => askFor(bed)), asking);
  return asking;
}

// Who closes a bed wants it closed.
export const leaveClosed = (bed: number): unknown => tried.add(bed);
