// Made-up beds of a made-up ward: what the server knows of each, and what it shows of it under a grant. All simulated (HTEST).

const NAMES = ["Okafor, J", "Lindqvist, M", "Rossi, P", "Tanaka, H", "Novak, E", "Silva, R", "Haddad, S", "Dubois, C"];
const RANK = { I: 1, II: 2, III: 3 };
const CLASS_OF = { resp: 1, temp: 1, ecg: 2, "heart-rate": 2, spo2: 2, pleth: 2, "pump-rate": 3 };
const CLINICIANS = ["nurse", "physician", "consultant", "emergency-responder"];
export const rank = (name) => RANK[name] ?? 0;

const limit = (signal, unit, low, high, priority) => ({
  signal, low, high, hysteresis: 2, delay_s: 5, priority, enabled: true, unit, changed: null,
});

export function makeBed(number, label, now) {
  const reading = (signal, value, unit) => ({ signal, value, unit, sensor_time_ms: now, period_ms: 1000, late: false, note: null });
  return {
    bed: number, label, patient: { bed: label, label: NAMES[(number - 1) % NAMES.length] },
    // Larger than a double holds exactly.
    patient_number: String((1n << 60n) + BigInt(number)),
    relation: "treating", access: null,
    numerics: [
      reading("heart-rate", 64 + number, "/min"), reading("spo2", 97, "%"), reading("resp", 14, "/min"), reading("temp", 36.8, "Cel"),
      reading("pump-rate", 1.25, "[U]/h"),
    ],
    alarms: [],
    paths: [0, 1, 2].map((index) => ({ index, name: `path ${index + 1}`, condition: "up", reason: "" })),
    sensors: [
      [1, "ecg-1", "ecg", "II"], [2, "spo2-2", "spo2", "II"], [3, "resp-3", "respiration", "I"], [4, "temp-4", "temperature", "I"],
      [5, "insulin-5", "insulin-rate", "III"],
    ].map(([sensor, name, kind, risk]) => ({ sensor, name, kind, class: risk, authenticated_at_ms: now - 120_000, bits: 968 })),
    ledger: null, buffer: 0,
    correlations: Array.from({ length: 60 }, (_, n) => ({ rho: 0.93 + 0.02 * Math.sin(n), threshold: 0.8, reason: "pattern holds", at_ms: now - 1000 * (60 - n) })),
    log: [{ at_ms: now, text: "hub connected" }], late_numerics: 0,
    limits: [limit("heart-rate", "/min", 50, 120, "medium"), limit("spo2", "%", 90, null, "high"), limit("resp", "/min", 8, 30, "medium"), limit("temp", "Cel", 35, 39, "low")],
    pause: null, alarm_load: { per_hour: 1.8, alarms: 9, since_ms: now - 5 * 3_600_000 }, condition: "normal", sealed: ["pump-rate"],
  };
}

// The bed as a session sees it (contract of GET /ward).
export function viewOf(bed, role, wall) {
  const level = rank(bed.access?.class);
  const shows = (signal) => (CLASS_OF[signal] ?? 2) <= level;
  const related = bed.relation !== "none";
  const redacted = ({ id, priority, state, raised_at_ms }) => ({
    id, priority, state, raised_at_ms, redacted: true, text: "", condition: "", ended_at_ms: null, acknowledged: null, evidence: null, strip: false,
  });
  const alarms = level >= 2 ? bed.alarms : CLINICIANS.includes(role) || wall ? bed.alarms.map((alarm) => (alarm.priority === "technical" ? alarm : redacted(alarm))) : [];
  return {
    ...bed, patient_number: related ? bed.patient_number : null,
    patient: { bed: bed.label, label: level ? bed.patient.label : "" },
    numerics: bed.numerics.filter(({ signal }) => shows(signal)),
    correlations: level >= 2 ? bed.correlations : [], log: level ? bed.log : [], alarms,
    limits: level >= 2 ? bed.limits : [],
    sealed: Object.keys(CLASS_OF).filter((signal) => !shows(signal)),
  };
}

const ECG = 1;
const PLETH = 7;
const bump = (x, centre, width, height) => height * Math.exp(-((x - centre) ** 2) / (2 * width * width));
const beat = (p) => bump(p, 0.18, 0.022, 0.14) + bump(p, 0.29, 0.008, -0.13) + bump(p, 0.31, 0.0095, 1.15) + bump(p, 0.335, 0.009, -0.26) + bump(p, 0.55, 0.045, 0.3);
const pulse = (p) => 0.5 + 0.35 * Math.sin(2 * Math.PI * p - 1) + 0.12 * Math.sin(4 * Math.PI * p);

// One frame, version 2, little-endian (docs/console-api.md).
export function waveFrame({ bed, signal, startMs, periodUs, values, perUnit, flags = 0, sequence = 0 }) {
  const bytes = Buffer.alloc(30 + 2 * values.length);
  bytes[0] = 2;
  bytes[1] = signal;
  bytes[2] = flags;
  bytes.writeUInt32LE(sequence >>> 0, 4);
  bytes.writeBigUInt64LE(BigInt(Math.round(startMs)), 8);
  bytes.writeUInt32LE(periodUs, 16);
  bytes.writeFloatLE(perUnit, 20);
  bytes.writeUInt16LE(values.length, 26);
  bytes.writeUInt16LE(bed, 28);
  values.forEach((value, n) => bytes.writeInt16LE(Math.round(value * perUnit), 30 + 2 * n));
  return bytes;
}

// The strip of an alarm: ECG of which a record of 250 ms was lost after six seconds.
export function lossyStrip(bed, startMs, lengthMs) {
  const bytes = stretch(bed, "ecg", startMs, lengthMs, 6);
  for (let n = 1500; n < 1562; n++) bytes.writeInt16LE(-32_768, 30 + 2 * n);
  return bytes;
}

// A stretch of a bed's ECG or pleth; the beats of a bed do not depend on who looks.
export function stretch(bed, name, startMs, lengthMs, flags = 0) {
  const [signal, periodUs, shape] = name === "ecg" ? [ECG, 4000, beat] : [PLETH, 10_000, pulse];
  const count = Math.round((1000 * lengthMs) / periodUs);
  const rate = (64 + bed) / 60;
  const values = Array.from({ length: count }, (_, n) => shape((((startMs + (n * periodUs) / 1000) / 1000) * rate + bed * 0.13) % 1));
  return waveFrame({ bed, signal, startMs, periodUs, values, perUnit: 1000, flags });
}
