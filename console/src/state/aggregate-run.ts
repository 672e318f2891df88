import { signal } from "@preact/signals";
import type { Answer, Progress, Question, Refusal, Standing } from "../api/aggregate-types";
import { ask, getStanding, NoAnswer } from "../api/aggregates";
import { status } from "./connection";

// Vectors come in once a window; the count on the page is never much older than this.
const STANDING_EVERY_MS = 5000;

export type Outcome =
  | { state: "running"; progress: Progress | null }
  | { state: "answered"; answer: Answer }
  | { state: "refused"; refusal: Refusal }
  | { state: "failed"; error: string }
  | { state: "cancelled" };

export const standing = signal<Standing | null>(null);
// Why there is none.
export const standingError = signal<string | null>(null);
// The last question and what became of it. A new question takes the old answer away: no number stands under another question.
export const run = signal<{ question: Question; outcome: Outcome } | null>(null);

let current: AbortController | null = null;

async function refresh(): Promise<boolean> {
  try {
    standing.value = await getStanding();
    standingError.value = null;
  } catch (error) {
    standing.value = null;
    standingError.value = (error as Error).message;
    return !(error instanceof NoAnswer && error.final);
  }
  return true;
}

// Keeps the standing fresh until the returned function is called. A clinic that takes no part is asked once.
export function followStanding(): () => void {
  let timer = 0;
  let stopped = false;
  const again = async () => {
    const goOn = status.peek() !== "live" || (await refresh());
    if (goOn && !stopped) timer = setTimeout(() => void again(), standing.peek() ? STANDING_EVERY_MS : 1000);
  };
  void again();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

export async function start(question: Question): Promise<void> {
  current?.abort();
  const mine = new AbortController();
  current = mine;
  const show = (outcome: Outcome) => {
    if (current === mine) run.value = { question, outcome };
  };
  show({ state: "running", progress: null });
  try {
    const { answer, refusal } = await ask(question, (progress) => show({ state: "running", progress }), mine.signal);
    if (answer) show({ state: "answered", answer });
    else if (refusal) show({ state: "refused", refusal });
  } catch (error) {
    if (mine.signal.aborted) show({ state: "cancelled" });
    else show({ state: "failed", error: (error as Error).message });
  }
  void refresh();
}

export const cancel = (): void => current?.abort();
