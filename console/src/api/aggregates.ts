import { actionHeaders, refusalText } from "./actions";
import type { AggregateLine, Progress, Question, Standing } from "./aggregate-types";
import { readJsonLines } from "./json-lines";

const PATH = "/api/v1/aggregates";
const UNREACHABLE = "The server does not answer. Wait until the page is live again, then ask again.";
const BROKEN_OFF = "The answer broke off before its end. Ask again.";

// A sentence for people; `final` when asking again makes no sense.
export class NoAnswer extends Error {
  readonly final: boolean;

  constructor(sentence: string, final = false) {
    super(sentence);
    this.final = final;
  }
}

async function reach(request: Promise<Response>, abort: AbortSignal | null): Promise<Response> {
  try {
    return await request;
  } catch {
    abort?.throwIfAborted();
    throw new NoAnswer(UNREACHABLE);
  }
}

export async function getStanding(): Promise<Standing> {
  const response = await reach(fetch(PATH), null);
  if (!response.ok) throw new NoAnswer(await refusalText(response), response.status === 404);
  return (await response.json()) as Standing;
}

// The last line of the stream, which is an answer or a refusal.
export async function ask(
  question: Question,
  onProgress: (progress: Progress) => void,
  abort: AbortSignal,
): Promise<AggregateLine> {
  const request = { method: "POST", headers: actionHeaders(true), body: JSON.stringify(question), signal: abort };
  const response = await reach(fetch(PATH, request), abort);
  if (!response.ok) throw new NoAnswer(await refusalText(response));
  let last: AggregateLine | null = null;
  try {
    await readJsonLines(response.body!, (value) => {
      const line = value as AggregateLine;
      if (line.progress) onProgress(line.progress);
      else if (line.answer || line.refusal) last = line;
    });
  } catch (error) {
    abort.throwIfAborted();
    // What the network says helps nobody; what the parser says is a sentence.
    throw error instanceof TypeError ? new NoAnswer(BROKEN_OFF) : error;
  }
  if (!last) throw new NoAnswer(BROKEN_OFF);
  return last;
}
