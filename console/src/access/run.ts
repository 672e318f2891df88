// Asking for access: one request to a bed at a time, with the steps of its decision (docs/access.md, "The decision").
import { signal } from "@preact/signals";
import type { AccessStep, Given, Refused, StepChange, StepName } from "../api/access-types";
import { refusalText, send, UNREACHABLE } from "../api/actions";
import type { RiskClass } from "../api/types";
import type { BedState } from "../state/bed-state";
import { serverNow } from "../state/clock";
import { certificate, isClinician, person, reaches } from "../state/session";
import { sign } from "./credential";
import { fromHex, toHex } from "./hex";
import { CHALLENGE_BYTES, type Purpose, signedRequest, statementHash } from "./request";

export interface Wish {
  class: RiskClass;
  purpose: Purpose;
  // A class III request names its sensor.
  sensor?: { number: number; name: string } | undefined;
  statement?: string;
  code?: string;
}
export type Outcome =
  | { state: "asking" }
  | { state: "given"; given: Given }
  | { state: "refused"; refused: Refused }
  // No decision was made: a wrong code, no key, no server.
  | { state: "failed"; error: string };
export interface Run {
  wish: Wish;
  outcome: Outcome;
  steps: AccessStep[];
}

export const STEPS: StepName[] = ["you", "house", "relation", "class", "condition", "sensor", "answer"];
// The last request to each bed.
export const runs = signal<ReadonlyMap<number, Run>>(new Map());

const put = (bed: number, run: Run) => (runs.value = new Map(runs.peek()).set(bed, run));

async function decide(bed: BedState, wish: Wish): Promise<Outcome> {
  const serial = certificate.peek()?.serial;
  if (!serial) return { state: "failed", error: "This session has no certificate: open a link that carries a key." };
  const asked = await send("POST", "access/challenge");
  if (!asked.ok) return { state: "failed", error: await refusalText(asked) };
  const { challenge } = (await asked.json()) as { challenge: string };
  const bytes = await signedRequest(
    {
      challenge: fromHex(challenge, CHALLENGE_BYTES), serial, patient: bed.patientNumber.peek(), bed: bed.bed,
      sensor: wish.sensor?.number ?? 0, class: wish.class, purpose: wish.purpose, timeMs: serverNow(),
      statement: wish.statement ? await statementHash(wish.statement) : null,
    },
    sign,
  );
  const { statement, code } = wish;
  const response = await send("POST", "access", { request: toHex(bytes), ...(statement ? { statement } : {}), ...(code ? { code } : {}) });
  const answer = (await response.json().catch(() => ({}))) as Partial<Given> | Partial<Refused> | { error?: string };
  if (response.ok && "access" in answer && answer.access) return { state: "given", given: answer as Given };
  if ("decision" in answer && answer.decision === "refused") return { state: "refused", refused: answer as Refused };
  return { state: "failed", error: ("error" in answer && answer.error) || `refused (${response.status})` };
}

export async function ask(bed: BedState, wish: Wish): Promise<Outcome> {
  // The code is nobody's to keep.
  const { code: _, ...shown } = wish;
  put(bed.bed, { wish: shown, outcome: { state: "asking" }, steps: [{ step: "you", state: "waiting", text: "asking the house" }] });
  let outcome: Outcome;
  try {
    outcome = await decide(bed, wish);
  } catch (error) {
    outcome = { state: "failed", error: error instanceof TypeError ? UNREACHABLE : (error as Error).message };
  }
  const steps = outcome.state === "given" ? outcome.given.steps : outcome.state === "refused" ? outcome.refused.steps : [];
  put(bed.bed, { wish: shown, outcome, steps: (steps ?? []).map((step) => early.get(key(bed.bed, outcome, step)) ?? step) });
  for (const told of early.keys()) if (told.startsWith(`${bed.bed}/`)) early.delete(told);
  return outcome;
}

// A step may be told before the answer that it belongs to.
const early = new Map<string, AccessStep>();
const key = (bed: number, outcome: Outcome, { step }: AccessStep) =>
  `${bed}/${outcome.state === "given" ? outcome.given.access.id : ""}/${step}`;

export function applyStep(bed: number, { access, ...step }: StepChange): void {
  const run = runs.peek().get(bed);
  if (!run) return;
  if (run.outcome.state === "asking") early.set(`${bed}/${access}/${step.step}`, step);
  if (run.outcome.state !== "given" || run.outcome.given.access.id !== access) return;
  const known = run.steps.some((other) => other.step === step.step);
  put(bed, { ...run, steps: known ? run.steps.map((other) => (other.step === step.step ? step : other)) : [...run.steps, step] });
}

// Purpose of an ordinary request, by role (docs/access.md, "Who sees what"). Who has no relation does not learn the patient's
// number, and a request that names no patient is one of an emergency; null when this role has no such.
export function usualPurpose(bed: BedState): Purpose | null {
  if (bed.patientNumber.value === null) return isClinician.value ? "emergency-treatment" : null;
  if (person.value.role === "patient") return "own-data";
  return person.value.role === "reviewer" ? "review" : "treatment";
}
// Class II, or I when the certificate ends there.
export const usualClass = (): RiskClass => (reaches(person.value.highest, "II") ? "II" : "I");
