// The wire shapes of access, audit and review in docs/console-api.md.
import type { Access, Evidence, Priority, Mark, RiskClass } from "./types";

export type StepName = "you" | "house" | "relation" | "class" | "condition" | "sensor" | "answer";
export type StepState = "done" | "failed" | "waiting" | "skipped";
export interface AccessStep {
  step: StepName;
  state: StepState;
  text: string;
}
// The `step` event: which grant it belongs to.
export interface StepChange extends AccessStep {
  access: number;
}
export interface Given {
  decision: "granted" | "asking" | "override";
  access: Access;
  steps: AccessStep[];
  // Number of the ledger's entry.
  audit: number | null;
  // The ledger was out of reach: written into the clinic's own journal, to be anchored later.
  journalled: boolean;
}
export interface Refused {
  decision: "refused";
  error: string;
  reason: string;
  break_glass: boolean;
  steps: AccessStep[];
  audit: number | null;
}
export interface Closed {
  from_ms: number;
  until_ms: number;
  signals: string[];
  seconds: number;
}
// A break-glass that is open somewhere in the ward.
export interface OpenGlass {
  id: number;
  bed: number;
  label: string;
  who: string;
  until_ms: number;
  mine: boolean;
}
export interface BedEvidence extends Evidence {
  at_ms: number;
  strip: boolean;
}

export interface AuditRow {
  index: number;
  at_ms: number;
  kind: string;
  who: string;
  // 32 hexadecimal digits, for the filter.
  person?: string;
  role: string | null;
  bed: number;
  purpose: string | null;
  class: RiskClass | null;
  text: string;
  // Whether a proof can be had.
  proof: boolean;
}
export interface AuditPage {
  key: string;
  rows: AuditRow[];
  more: boolean;
}
export interface Review {
  id: number;
  bed: number;
  label: string;
  who: string;
  role: string;
  statement: string;
  opened_ms: number;
  closed_ms: number | null;
  signals: string[];
  seconds: number;
  condition: string | null;
  evidence: Evidence | null;
  withheld: string | null;
  state: "open" | "waiting" | "accepted" | "questioned";
  review: (Mark & { note: string }) | null;
}

export interface AlarmRecord {
  number: number;
  condition: string;
  text: string;
  priority: Priority;
  raised_ms: number;
  ended_ms: number | null;
  acknowledged: Mark | null;
  strip: boolean;
}
// Minute, least, mean and most of its readings; a minute without readings is missing.
export type TrendPoint = [minuteMs: number, min: number, mean: number, max: number];
export interface Trends {
  since_ms: number;
  signals: { signal: string; unit: string; points: TrendPoint[] }[];
}

export interface EnrolledSensor {
  sensor: number;
  name: string;
  kind: string;
  class: RiskClass;
  profile: string;
  enrolled_ms: number;
  revoked_ms: number | null;
  // Of the PUF, as shares of 1.
  reliability: number | null;
  uniformity: number | null;
  uniqueness: number | null;
  pairs_enrolled: number;
  pairs_left: number | null;
  authenticated_at_ms: number | null;
  consent: "none" | "asked" | "given" | "emergency";
}
export interface DeviceBed {
  bed: number;
  label: string;
  hub_key: string;
  sensors: EnrolledSensor[];
}
