// How codes of the wire are written for people.

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
};
export const vitalText = (name: string): string => VITALS[name] ?? name;

export const countText = (count: number): string => count.toLocaleString("en-GB").replaceAll(",", " ");

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const plural = (count: number, one: string): string => `${countText(count)} ${one}${count === 1 ? "" : "s"}`;
