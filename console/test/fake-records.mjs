// Audit, reviews, trends, alarm records and devices of the made-up ward. All simulated (HTEST).
const HOUR_MS = 3_600_000;
const PAGE = 50;

export function makeAudit(now) {
  const kinds = ["grant", "read", "refusal", "override-start", "override-end", "setting", "review"];
  const people = [["Dr A. Meyer", "physician", "a1".repeat(16)], ["N. Weber", "nurse", "b2".repeat(16)], ["Dr T. Lang", "emergency-responder", "c3".repeat(16)]];
  return Array.from({ length: 70 }, (_, n) => {
    const [who, role, person] = people[n % people.length];
    const kind = kinds[n % kinds.length];
    return {
      index: 500 - n, at_ms: now - n * 600_000, kind, who, person, role, bed: 1 + (n % 4), purpose: kind.startsWith("override") ? "break-glass" : "treatment",
      class: kind === "refusal" ? null : "II", text: kind === "refusal" ? "no relation" : "ecg, heart-rate, spo2", proof: kind !== "read",
    };
  });
}

export function auditPage(rows, query) {
  const given = (name) => query.get(name);
  const found = rows.filter((row) =>
    (!given("before") || row.index < Number(given("before"))) && (!given("bed") || row.bed === Number(given("bed"))) &&
    ["person", "purpose", "kind"].every((name) => !given(name) || row[name] === given(name)));
  return { key: "ed25519:5f1c", rows: found.slice(0, PAGE), more: found.length > PAGE };
}

export const makeReviews = (now) => [
  {
    id: 7, bed: 3, label: "403", who: "Dr T. Lang", role: "emergency-responder", statement: "Resuscitation: found without pulse", opened_ms: now - 2 * HOUR_MS,
    closed_ms: now - 1.8 * HOUR_MS, signals: ["ecg", "heart-rate", "spo2"], seconds: 312, condition: "emergency",
    evidence: { rho: 0.41, threshold: 0.8, reason: "ventricular fibrillation" }, withheld: null, state: "waiting", review: null,
  },
  {
    id: 6, bed: 2, label: "402", who: "N. Weber", role: "nurse", statement: "Covering for a colleague", opened_ms: now - 30 * HOUR_MS, closed_ms: now - 29.8 * HOUR_MS,
    signals: ["heart-rate"], seconds: 40, condition: "normal", evidence: null, withheld: "no emergency", state: "accepted",
    review: { who: "Prof. K. Berg", at_ms: now - 20 * HOUR_MS, note: "rota confirms" },
  },
];

export function makeTrends(hours, now) {
  const minutes = hours * 60;
  const first = now - (now % 60_000) - minutes * 60_000;
  // A hole of a fifth of the time, as a walk to the X-ray leaves.
  const known = Array.from({ length: minutes }, (_, n) => n).filter((n) => n < 0.4 * minutes || n > 0.6 * minutes);
  const curve = (middle, spread) => known.map((n) => {
    const mean = middle + spread * Math.sin(n / 17);
    return [first + n * 60_000, mean - spread / 2, mean, mean + spread / 2];
  });
  return {
    since_ms: first,
    signals: [
      { signal: "heart-rate", unit: "/min", points: curve(72, 8) }, { signal: "spo2", unit: "%", points: curve(97, 1) },
      { signal: "resp", unit: "/min", points: curve(14, 2) }, { signal: "temp", unit: "Cel", points: curve(36.8, 0.2) },
    ],
  };
}

export const makeAlarmRecords = (now) => [
  { number: 12, condition: "ventricular-tachycardia", text: "VENT TACHY", priority: "high", raised_ms: now - HOUR_MS, ended_ms: now - HOUR_MS + 40_000, acknowledged: { who: "Dr A. Meyer", at_ms: now - HOUR_MS + 12_000 }, strip: true },
  { number: 11, condition: "limit.heart-rate.high", text: "HR 128 > 120", priority: "medium", raised_ms: now - 2 * HOUR_MS, ended_ms: now - 2 * HOUR_MS + 90_000, acknowledged: null, strip: false },
];

export const makeDevices = (beds, now) => beds.map(({ bed, label, sensors }) => ({
  bed, label, hub_key: "8f3a90c1d2e4b576",
  sensors: sensors.map((sensor) => ({
    sensor: sensor.sensor, name: sensor.name, kind: sensor.kind, class: sensor.class, profile: "arbiter-64", enrolled_ms: now - 40 * 24 * HOUR_MS,
    revoked_ms: sensor.sensor === 4 ? now - HOUR_MS : null, reliability: 0.976, uniformity: 0.503, uniqueness: sensor.sensor === 3 ? null : 0.498,
    pairs_enrolled: 20_000, pairs_left: sensor.sensor === 2 ? 800 : 18_912, authenticated_at_ms: sensor.authenticated_at_ms, consent: sensor.class === "III" ? "given" : "none",
  })),
}));
