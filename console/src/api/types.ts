// The wire shapes of docs/console-api.md.
import type { OpenGlass } from "./access-types";

export type Signal = "ecg" | "heart-rate" | "spo2" | "resp" | "temp" | "pump-rate" | "pleth";
export type Priority = "technical" | "low" | "medium" | "high";
export type AlarmState = "on" | "acknowledged" | "latched" | "off";
export type PathCondition = "up" | "degraded" | "down";
export type RiskClass = "I" | "II" | "III";
export type Role = "nurse" | "physician" | "consultant" | "emergency-responder" | "patient" | "reviewer" | "program";
export type Relation = "none" | "consulting" | "on-call" | "treating" | "own";
export type Condition = "normal" | "emergency" | "undetermined";

export interface Source {
  kind: "simulated" | "recording" | "live";
  name?: string;
}
export interface Patient {
  bed: string;
  label: string;
}
export interface Numeric {
  signal: Signal;
  value: number | null;
  unit: string;
  sensor_time_ms: number;
  // Distance of two readings.
  period_ms?: number;
  late: boolean;
  note: string | null;
}
export interface Evidence {
  rho: number;
  threshold: number;
  reason: string;
}
export interface Mark {
  who: string;
  at_ms: number;
}
export interface Alarm {
  id: number;
  condition: string;
  priority: Priority;
  state: AlarmState;
  text: string;
  raised_at_ms: number;
  ended_at_ms: number | null;
  acknowledged: Mark | null;
  evidence: Evidence | null;
  // Whether the ECG that led to it can be asked for.
  strip: boolean;
  // True for a bed that is closed to the session: only the priority is told.
  redacted?: boolean;
}
export interface Path {
  index: number;
  name: string;
  condition: PathCondition;
  reason: string;
}
export interface Sensor {
  // The number that a request for class III names.
  sensor?: number;
  name: string;
  kind: string;
  class: RiskClass;
  authenticated_at_ms: number | null;
  bits: number;
}
export interface Ledger {
  entries: number;
  verified_at_ms: number;
  damage: string | null;
}
export interface Correlation extends Evidence {
  at_ms: number;
}
export interface LogLine {
  at_ms: number;
  text: string;
}
export interface Access {
  id: number;
  class: RiskClass;
  purpose: string;
  from_ms: number;
  until_ms: number;
  override: boolean;
  // Why an override gives less than was asked for.
  withheld: string | null;
  // Class III is still being asked of the sensor.
  waiting: boolean;
  // The sensor of a class III grant.
  sensor: string | null;
}
export interface Limit {
  signal: Signal;
  low: number | null;
  high: number | null;
  hysteresis: number;
  delay_s: number;
  priority: Exclude<Priority, "technical">;
  // False is "alarm off".
  enabled: boolean;
  unit: string;
  changed: Mark | null;
}
export interface Pause {
  until_ms: number;
  who: string;
}
export interface AlarmLoad {
  per_hour: number;
  alarms: number;
  since_ms: number;
}
export interface Bed {
  bed: number;
  label: string;
  patient: Patient;
  // Decimal digits of a 64-bit number; only for beds with a relation.
  patient_number: string | null;
  relation: Relation;
  access: Access | null;
  numerics: Numeric[];
  alarms: Alarm[];
  paths: Path[];
  sensors: Sensor[];
  ledger: Ledger | null;
  buffer: number;
  correlations: Correlation[];
  log: LogLine[];
  late_numerics: number;
  limits: Limit[];
  pause: Pause | null;
  alarm_load: AlarmLoad | null;
  condition: Condition | null;
  // Signals that are closed for the session or sealed by their sensor.
  sealed: Signal[];
}
export interface Ward {
  server_ms: number;
  last_event_id: number;
  source: Source;
  beds: Bed[];
  // Bed 0: paths, ledger and technical alarms of the clinic.
  ward: Bed;
  break_glass?: { open: OpenGlass[] };
}
export interface SessionPerson {
  name: string;
  role: Role | null;
  highest: RiskClass | null;
}
export interface Session {
  server_ms: number;
  csrf: string;
  demo: boolean;
  // A screen on the wall: it reads, and does nothing.
  wall: boolean;
  person: SessionPerson;
  certificate: { serial: string; until_ms: number } | null;
  // Whether break-glass asks for the person's code.
  code: boolean;
}
