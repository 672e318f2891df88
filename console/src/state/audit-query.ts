import { signal } from "@preact/signals";
import type { AuditPage, AuditRow } from "../api/access-types";
import { readJson } from "../api/read";

export interface AuditFilter {
  bed: string;
  person: string;
  purpose: string;
  kind: string;
}
export const NO_FILTER: AuditFilter = { bed: "", person: "", purpose: "", kind: "" };

export const filter = signal<AuditFilter>(NO_FILTER);
export const rows = signal<AuditRow[]>([]);
export const more = signal(false);
// Name of the ledger's key, for the check of a proof.
export const ledgerKey = signal("");
export const auditError = signal<string | null>(null);
export const loading = signal(false);
// Persons that have been seen in rows; the server knows them by a number that nobody types.
export const people = signal<ReadonlyMap<string, string>>(new Map());

let current: AbortController | null = null;

// Reads the newest rows, or those before the last one shown. A new filter takes the old rows away.
export async function loadAudit(older: boolean): Promise<void> {
  current?.abort();
  const mine = new AbortController();
  current = mine;
  const query = new URLSearchParams(Object.entries(filter.peek()).filter(([, value]) => value !== ""));
  const last = rows.peek().at(-1);
  if (older && last) query.set("before", String(last.index));
  else rows.value = [];
  loading.value = true;
  try {
    const page = await readJson<AuditPage>(`audit?${query}`, mine.signal);
    ledgerKey.value = page.key;
    rows.value = [...rows.peek(), ...page.rows];
    more.value = page.more;
    auditError.value = null;
    people.value = new Map([...people.peek(), ...page.rows.flatMap(({ person, who }) => (person ? [[person, who] as const] : []))]);
  } catch (error) {
    if (!mine.signal.aborted) auditError.value = (error as Error).message;
  }
  if (current === mine) loading.value = false;
}
