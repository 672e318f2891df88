import { signal } from "@preact/signals";
import { readEvents } from "../api/event-stream";
import type { Snapshot } from "../api/types";
import { applyChange, replaceBoard } from "./board";
import { heardServerTime, serverNow } from "./clock";
import { csrf, demo, person } from "./session";

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
  const response = await fetch("/api/v1/snapshot", { signal: abort });
  if (!response.ok) {
    refused(response.status);
    return false;
  }
  const snapshot = (await response.json()) as Snapshot;
  heardServerTime(snapshot.server_ms);
  csrf.value = snapshot.csrf;
  person.value = snapshot.person;
  demo.value = snapshot.demo;
  replaceBoard(snapshot.board);
  lastEventId = String(snapshot.board.last_event_id);
  heard();
  return true;
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
    const value = JSON.parse(data) as unknown;
    if (kind === "heartbeat") heardServerTime((value as { server_ms: number }).server_ms);
    else applyChange(kind, value);
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
