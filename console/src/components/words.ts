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
