import { signal } from "@preact/signals";
import type { AggregateFunction, Question, Standing } from "../api/aggregate-types";

const HOUR_MS = 3_600_000;

export type Span = "hour" | "day" | "all" | "dates";

// What stands in the form. It outlives the page, so that a look at the bed loses nothing.
export const chosenFunction = signal<AggregateFunction>("mean");
export const chosenSignal = signal("heart-rate");
export const chosenSpan = signal<Span>("all");
export const above = signal("");
export const below = signal("");
// As a datetime-local field writes it, in the time of the browser.
export const fromText = signal("");
export const toText = signal("");

export function fieldTime(ms: number): string {
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

// Only whole windows count. The last hour therefore ends with the newest window, as long as vectors still come in.
function lately(spanMs: number, standing: Standing, now: number): [number, number] {
  const { newest_ms: newest, window_ms: windowMs } = standing;
  const end = newest !== null && now - newest <= 2 * (windowMs ?? HOUR_MS) ? newest : now;
  return [Math.max(0, end - spanMs), end];
}

function rangeOf(standing: Standing, now: number): [number, number] {
  switch (chosenSpan.value) {
    case "hour": return lately(HOUR_MS, standing, now);
    case "day": return lately(24 * HOUR_MS, standing, now);
    case "all": return [standing.oldest_ms ?? 0, standing.newest_ms ?? now];
    case "dates": return [new Date(fromText.value).getTime(), new Date(toText.value).getTime()];
  }
}

const limit = (text: string): number | null => (text.trim() === "" ? null : Number(text));

// What the form asks for, or a sentence about what is missing.
export function questionOrWhy(standing: Standing, now: number): Question | string {
  const [from, to] = rangeOf(standing, now).map(Math.round) as [number, number];
  if (!Number.isFinite(from) || !Number.isFinite(to)) return "Give both a beginning and an end, with date and time.";
  if (from >= to) return "The beginning must lie before the end.";
  const question: Question = { function: chosenFunction.value, signal: chosenSignal.value, from_ms: from, to_ms: to };
  if (question.function !== "count") return question;
  const limits = { above: limit(above.value), below: limit(below.value) };
  if (limits.above === null && limits.below === null) return "A count needs a threshold: fill in above, below or both.";
  if (!Number.isFinite(limits.above ?? 0) || !Number.isFinite(limits.below ?? 0)) return "A threshold must be a number.";
  if (limits.above !== null) question.above = limits.above;
  if (limits.below !== null) question.below = limits.below;
  return question;
}
