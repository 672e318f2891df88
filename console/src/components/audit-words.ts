// Rows of the audit in words: short for the list, sentences for the patient.
import type { AuditRow } from "../api/access-types";
import { dateText } from "../state/clock";
import { CLASS_SHOWS, purposeText, roleText, readsText } from "./words";

export const KINDS: Record<string, string> = {
  grant: "access given", read: "read", refusal: "refused", "override-start": "break-glass opened", "override-end": "break-glass closed",
  setting: "setting changed", review: "review", "aggregate-query": "sum asked for", "aggregate-result": "sum given",
};
export const PURPOSE_NAMES = ["treatment", "emergency-treatment", "break-glass", "own-data", "review"];
export const kindText = (kind: string): string => KINDS[kind] ?? kind;

function deed({ kind, class: risk, text }: AuditRow): string {
  switch (kind) {
    case "grant": return `was given access to your ${risk ? CLASS_SHOWS[risk] : "data"}`;
    case "read": return `looked at ${readsText(text)}`;
    case "refusal": return `asked for access and was refused: ${text.replace(/^refused: /, "")}`;
    case "override-start": return `broke the glass and opened your ${risk ? CLASS_SHOWS[risk] : "data"} without being on your list; a second person reviews it`;
    case "override-end": return `closed the break-glass access: ${readsText(text)}`;
    case "setting": return `changed a setting of your monitoring: ${text}`;
    case "review": return `reviewed an access to your data: ${text}`;
    case "aggregate-query": case "aggregate-result": return "asked for a sum over the ward that your encrypted readings are part of; it shows nobody's own values";
    default: return `${kindText(kind)}: ${text}`;
  }
}

export function sentenceOf(row: AuditRow): string {
  const purpose = row.purpose && row.purpose !== "break-glass" && row.kind === "grant" ? `, for ${purposeText(row.purpose)}` : "";
  return `On ${dateText(row.at_ms)} ${row.who}${row.role ? ` (${roleText(row.role)})` : ""} ${deed(row)}${purpose}.`;
}
