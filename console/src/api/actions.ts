import { signal } from "@preact/signals";
import { csrf } from "../state/session";

// What the last refused action said, for the person who asked.
export const actionError = signal<string | null>(null);

export const UNREACHABLE = "not sent: the server does not answer";

export const actionHeaders = (withBody: boolean): Record<string, string> => ({
  "x-bodywire-csrf": csrf.value,
  "idempotency-key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`,
  ...(withBody ? { "content-type": "application/json" } : {}),
});

// What the server says about a refused request; some refusals are no JSON.
export async function refusalText(response: Response): Promise<string> {
  const answer = (await response.json().catch(() => ({}))) as { error?: string };
  return answer.error ?? `refused (${response.status})`;
}

export const send = (method: "POST" | "PUT", path: string, body?: object): Promise<Response> =>
  fetch(`/api/v1/${path}`, { method, headers: actionHeaders(body !== undefined), body: body ? JSON.stringify(body) : null });

// An action whose refusal stands in the alarm bar.
async function act(method: "POST" | "PUT", path: string, body?: object): Promise<void> {
  actionError.value = null;
  try {
    const response = await send(method, path, body);
    if (!response.ok) actionError.value = await refusalText(response);
  } catch {
    actionError.value = UNREACHABLE;
  }
}

export const acknowledge = (id: number) => act("POST", `alarms/${id}/acknowledge`);
// Seconds of silence; 0 ends it. It changes no alarm.
export const pauseAudio = (bed: number, seconds: number) => act("POST", `beds/${bed}/pause`, { seconds });
export const emergencyNow = (bed: number) => act("POST", "demo/emergency", { bed });
export const tamper = () => act("POST", "demo/tamper");
export const breakPath = (path: number) => act("POST", "demo/break-path", { path });
export const restorePath = (path: number) => act("POST", "demo/restore-path", { path });
