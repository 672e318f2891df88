import { signal } from "@preact/signals";
import { askForOwnBeds, startAsking } from "../access/own-beds";
import type { StepChange } from "../api/access-types";
import { readEvents } from "../api/event-stream";
import type { Session, Ward } from "../api/types";
import { applyStep } from "../access/run";
import { bindCredential } from "../access/credential";
import { loadOpenGlass } from "../access/glass";
import { heardServerTime, serverNow } from "./clock";
import { enterSession } from "./session";
import { applyToBed, replaceWard } from "./ward";

// Heartbeats come every 2 s; more than 3 s of silence is a lost server.
const LOST_AFTER_MS = 3000;
const RETRY_MS = 500;

export type Status = "starting" | "live" | "lost" | "no-session";
export const status = signal<Status>("starting");
// Server time of the last sign of life.
export const lastHeardMs = signal(0);

let heardAt = performance.now();
let attempt: AbortController | null = null;
let lastEventId: string | null = null;

function heard(): void {
  heardAt = performance.now();
  lastHeardMs.value = serverNow();
  status.value = "live";
}

function refused(code: number): void {
  if (code !== 401) return;
  lastEventId = null;
  if (status.value === "starting" || performance.now() - heardAt < LOST_AFTER_MS) status.value = "no-session";
}

// A server that cannot even be reached is lost at once, not after the silence that a busy one is granted.
async function reach(answer: Promise<Response>): Promise<Response> {
  try {
    return await answer;
  } catch (error) {
    if (status.value === "live") status.value = "lost";
    throw error;
  }
}

async function begin(abort: AbortSignal): Promise<boolean> {
  for (const part of ["session", "ward"] as const) {
    const response = await fetch(`/api/v1/${part}`, { signal: abort });
    if (!response.ok) {
      refused(response.status);
      return false;
    }
    const answer = (await response.json()) as Session | Ward;
    heardServerTime(answer.server_ms);
    if (part === "session") {
      enterSession(answer as Session);
      continue;
    }
    replaceWard(answer as Ward);
    lastEventId = String((answer as Ward).last_event_id);
  }
  heard();
  void loadOpenGlass();
  startAsking();
  // The credential may need the browser's store; the screen does not wait for it.
  void bindCredential().then(askForOwnBeds);
  return true;
}

function take(kind: string, data: unknown): void {
  if (kind === "heartbeat") heardServerTime((data as { server_ms: number }).server_ms);
  else if (kind === "snapshot") {
    replaceWard(data as Ward);
    askForOwnBeds();
  } else if (kind === "step") {
    const { bed, value } = data as { bed: number; value: StepChange };
    applyStep(bed, value);
  } else applyToBed(kind, data as { bed: number; value: unknown });
}

async function follow(abort: AbortSignal): Promise<void> {
  if (lastEventId === null && !(await begin(abort))) return;
  const headers = { accept: "text/event-stream", "last-event-id": lastEventId ?? "" };
  const response = await reach(fetch("/api/v1/events", { headers, signal: abort }));
  if (!response.ok) {
    refused(response.status);
    return;
  }
  await readEvents(response, heard, ({ id, kind, data }) => {
    take(kind, JSON.parse(data) as unknown);
    if (id !== null) lastEventId = id;
  });
}

function watch(): void {
  if (performance.now() - heardAt <= LOST_AFTER_MS) return;
  if (status.value === "live" || status.value === "starting") status.value = "lost";
  // A stream that fell silent without closing would wait for ever.
  if (performance.now() - heardAt > LOST_AFTER_MS + RETRY_MS) attempt?.abort();
}

export async function startConnection(): Promise<void> {
  setInterval(watch, 200);
  for (;;) {
    attempt = new AbortController();
    const giveUp = setTimeout((abort: AbortController) => {
      if (performance.now() - heardAt > LOST_AFTER_MS) abort.abort();
    }, LOST_AFTER_MS + RETRY_MS, attempt);
    try {
      await follow(attempt.signal);
    } catch {
      // The watch says on the screen that the server is lost; here only the next attempt matters.
    }
    clearTimeout(giveUp);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
