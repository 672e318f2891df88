import { signal } from "@preact/signals";
import { csrf } from "../state/session";

// What the last refused action said, for the person who asked.
export const actionError = signal<string | null>(null);

async function post(path: string, body?: object): Promise<void> {
  actionError.value = null;
  try {
    const response = await fetch(`/api/v1/${path}`, {
      method: "POST",
      headers: {
        "x-bodywire-csrf": csrf.value,
        "idempotency-key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`,
        ...(body ? { "content-type": "application/json" } : {}),
      },
      body: body ? JSON.stringify(body) : null,
    });
    if (!response.ok) {
      const answer = (await response.json()) as { error?: string };
      actionError.value = answer.error ?? `refused (${response.status})`;
    }
  } catch {
    actionError.value = "not sent: the server does not answer";
  }
}

export const acknowledge = (id: number) => post(`alarms/${id}/acknowledge`);
export const emergencyNow = () => post("demo/emergency");
export const tamper = () => post("demo/tamper");
export const breakPath = (path: number) => post("demo/break-path", { path });
export const restorePath = (path: number) => post("demo/restore-path", { path });
