// How codes of the wire are written for people.
import type { Alarm, Priority, RiskClass } from "../api/types";

// UCUM codes whose print differs from the code (UCUM, print symbols).
const UNITS: Record<string, string> = { Cel: "°C", "[U]/h": "U/h" };
export const unitText = (code: string): string => UNITS[code] ?? code;

const SENSORS: Record<string, string> = {
  ecg: "ECG", spo2: "SpO₂", respiration: "Respiration", temperature: "Temperature", "insulin-rate": "Insulin pump",
};
export const sensorText = (kind: string): string => SENSORS[kind] ?? kind;

// A path may be called "lte" or "path 2" by its owner.
export const pathText = (name: string): string => (/^path\b/i.test(name) ? name : `path ${name}`);

const VITALS: Record<string, string> = {
  "heart-rate": "Heart rate", spo2: "SpO₂", respiration: "Respiration", temperature: "Temperature",
  ecg: "ECG", resp: "Respiration", temp: "Temperature", "pump-rate": "Pump rate", pleth: "Pleth",
};
export const vitalText = (name: string): string => VITALS[name] ?? name;
export const DIGITS: Record<string, number> = { temp: 1, "pump-rate": 2 };

const ROLES: Record<string, string> = { "emergency-responder": "emergency responder" };
export const roleText = (role: string): string => ROLES[role] ?? role;
const PURPOSES: Record<string, string> = {
  "emergency-treatment": "emergency treatment", "break-glass": "break-glass", "own-data": "own data",
};
export const purposeText = (purpose: string): string => PURPOSES[purpose] ?? purpose;
// What a class opens at the bedside (docs/access.md).
export const CLASS_SHOWS: Record<RiskClass, string> = {
  I: "respiration and temperature", II: "ECG, heart rate, SpO₂, respiration and temperature",
  III: "ECG, vital signs and implants or pumps",
};

export const PREFIX: Record<Priority, string> = { high: "*** ", medium: "** ", low: "* ", technical: "" };
// Of a bed that is closed only the priority is told.
export const alarmText = (alarm: Alarm): string =>
  PREFIX[alarm.priority] + (alarm.redacted ? `${alarm.priority.toUpperCase()} ALARM` : alarm.text);

// What can be read under a grant (docs/console-api.md, "Who looked"), or a signal.
const READS: Record<string, string> = {
  live: "the live view", trends: "trends", events: "past alarms", strip: "the strip of an alarm", record: "the record",
};
export const readText = (name: string): string => READS[name] ?? vitalText(name);

// What was read, as a record of it says: "read live", "ended after 4 s; read: live, strip". Other text stays.
export function readsText(text: string): string {
  const [, before = "", list = ""] = /^(read |.*; read: )?(.*)$/s.exec(text) ?? [];
  return (before === "read " ? "" : before) + list.split(", ").map(readText).join(", ");
}

export const countText = (count: number): string => count.toLocaleString("en-GB").replaceAll(",", " ");

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const plural = (count: number, one: string): string => `${countText(count)} ${one}${count === 1 ? "" : "s"}`;

// Minutes and seconds that are left.
export function leftText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
