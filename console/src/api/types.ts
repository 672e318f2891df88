// The wire shapes of docs/console-api.md.

export type Signal = "ecg" | "heart-rate" | "spo2" | "resp" | "temp" | "pump-rate" | "pleth";
export type Priority = "technical" | "low" | "medium" | "high";
export type AlarmState = "on" | "acknowledged" | "latched" | "off";
export type PathCondition = "up" | "degraded" | "down";

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
export interface Alarm {
  id: number;
  condition: string;
  priority: Priority;
  state: AlarmState;
  text: string;
  raised_at_ms: number;
  ended_at_ms: number | null;
  acknowledged: { who: string; at_ms: number } | null;
  evidence: Evidence | null;
  // Whether the ECG that led to it can be asked for.
  strip: boolean;
}
export interface Path {
  index: number;
  name: string;
  condition: PathCondition;
  reason: string;
}
export interface Sensor {
  name: string;
  kind: string;
  class: "I" | "II" | "III";
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
export interface Board {
  last_event_id: number;
  source: Source;
  patient: Patient;
  numerics: Numeric[];
  alarms: Alarm[];
  paths: Path[];
  sensors: Sensor[];
  ledger: Ledger | null;
  buffer: number;
  correlations: Correlation[];
  log: LogLine[];
  late_numerics: number;
}
export interface Snapshot {
  server_ms: number;
  person: string;
  csrf: string;
  demo: boolean;
  board: Board;
}
