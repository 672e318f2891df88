import { signal } from "@preact/signals";
import { csrf } from "../state/session";

// What the last refused action said, for the person who asked.
export const actionError = signal<string | null>(null);

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

async function post(path: string, body?: object): Promise<void> {
  actionError.value = null;
  try {
    const response = await fetch(`/api/v1/${path}`, {
      method: "POST",
      headers: actionHeaders(body !== undefined),
      body: body ? JSON.stringify(body) : null,
    });
    if (!response.ok) actionError.value = await refusalText(response);
  } catch {
    actionError.value = "not sent: the server does not answer";
  }
}

export const acknowledge = (id: number) => post(`alarms/${id}/acknowledge`);
export const emergencyNow = () => post("demo/emergency");
export const tamper = () => post("demo/tamper");
export const breakPath = (path: number) => post("demo/break-path", { path });
export const restorePath = (path: number) => post("demo/restore-path", { path });
