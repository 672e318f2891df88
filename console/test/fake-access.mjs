// The decisions of the made-up ward. It verifies what the page signs with WebCrypto, so that the tests prove that the page
// signs the bytes of docs/access.md with the key of its link; the rules themselves are few.
import { createHash, createPrivateKey, createPublicKey, randomBytes, webcrypto } from "node:crypto";
import { rank } from "./fake-beds.mjs";

const CONTEXT = Buffer.from("bodywire access request");
const CLASSES = ["", "I", "II", "III"];
const PURPOSES = ["", "treatment", "emergency-treatment", "break-glass", "own-data", "review"];
const CHALLENGE_MS = 60_000;
const GLASS_MS = 15 * 60_000;
const GRANT_MS = 4 * 3_600_000;
const CODES_BEFORE_LOCK = 5;
const TABLE = {
  nurse: { consulting: 1, "on-call": 2, treating: 2 }, physician: { consulting: 2, "on-call": 2, treating: 3 },
  consultant: { consulting: 3, "on-call": 3, treating: 3 }, "emergency-responder": { "on-call": 2, treating: 2 }, patient: { own: 3 },
  reviewer: { consulting: 2, "on-call": 2, treating: 2 }, program: { consulting: 1, "on-call": 1, treating: 2 },
};
const OF_ROLE = { patient: ["own-data"], reviewer: ["review"], program: ["treatment"] };
const CLINICAL = ["treatment", "emergency-treatment", "break-glass"];

export function makeKey() {
  const seed = randomBytes(32);
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const { x } = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })).export({ format: "jwk" });
  return { seed: seed.toString("hex"), publicKey: Buffer.from(x, "base64url") };
}

// The fields of a request, by position.
export function parseRequest(bytes) {
  if (bytes.length !== 143 || bytes[0] !== 1) throw new Error("no access request: 143 bytes of version 1 are due");
  return {
    challenge: bytes.subarray(1, 17).toString("hex"), serial: bytes.subarray(17, 25).toString("hex"),
    patient: bytes.readBigUInt64BE(25), bed: bytes.readUInt16BE(33), sensor: bytes.readUInt16BE(35),
    class: CLASSES[bytes[37]], purpose: PURPOSES[bytes[38]], time: Number(bytes.readBigUInt64BE(39)),
    statement: bytes.subarray(47, 79).toString("hex"), signature: bytes.subarray(79),
  };
}

export async function verifies(bytes, publicKey) {
  const key = await webcrypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return webcrypto.subtle.verify("Ed25519", key, bytes.subarray(79), Buffer.concat([CONTEXT, bytes.subarray(0, 79)]));
}

const TEXTS = {
  "certificate missing": "no certificate was shown; sign in", "wrong certificate": "the request is for another certificate; sign in again",
  "request's signature": "the request was not signed by the certificate's holder", "challenge unknown": "the challenge was not given out here; ask again",
  "challenge replayed": "the request was used before; ask again", "challenge expired": "the challenge is too old; ask again",
  "purpose not of role": "this role does not ask for this purpose", "no relation": "you are not on this patient's list",
  "wrong patient": "this patient does not lie in this bed", "class above certificate": "your certificate does not reach this class",
  "class not allowed": "the patient's policy does not let you see this class",
};
const ORDER = ["you", "house", "relation", "class", "condition", "sensor", "answer"];

export function makeDecider(ward) {
  const challenges = new Map();
  let nextId = 100;
  let wrongCodes = 0;
  let lockedUntil = 0;

  const steps = (failedAt, more = {}) => {
    const { name, role, highest } = ward.person;
    const texts = {
      you: `${name}, ${role}, up to class ${highest}`, house: "certificate of this house, request signed and fresh", relation: more.relation ?? "",
      class: more.class ?? "", condition: more.condition ?? "NORMAL, not needed", sensor: more.sensor ?? "not needed", answer: more.answer ?? "",
    };
    const at = failedAt ? ORDER.indexOf(failedAt) : ORDER.length;
    return ORDER.map((step, n) => ({
      step, state: n === at ? "failed" : step === "answer" && failedAt ? "failed" : n > at ? "skipped" : more.states?.[step] ?? "done", text: texts[step],
    }));
  };

  const refuse = (reason, step, bed, offer) => [403, {
    decision: "refused", error: TEXTS[reason], reason, break_glass: offer, steps: steps(step, { relation: bed?.relation, answer: TEXTS[reason] }), audit: 4711,
    outcome: { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "suppressed", ...(offer ? { details: { coding: [{ code: "ETREAT" }] } } : {}) }] },
  }];

  function credentialFault(request, signed) {
    const given = challenges.get(request.challenge);
    if (request.serial !== ward.serial) return "wrong certificate";
    if (!signed) return "request's signature";
    if (!given) return "challenge unknown";
    if (given.used) return "challenge replayed";
    given.used = true;
    return Date.now() - given.at > CHALLENGE_MS ? "challenge expired" : null;
  }

  function codeFault(code) {
    if (!ward.code) return null;
    if (Date.now() < lockedUntil) return "the code is locked for a minute after five wrong ones";
    if (code === ward.code) return null;
    wrongCodes += 1;
    if (wrongCodes >= CODES_BEFORE_LOCK) lockedUntil = Date.now() + 60_000;
    return "wrong code; type the code of your card again";
  }

  function grant(bed, wanted, purpose, more) {
    nextId += 1;
    const now = Date.now();
    bed.access = {
      id: nextId, class: wanted, purpose, from_ms: now, until_ms: now + (more.override ? GLASS_MS : GRANT_MS), override: false, withheld: null,
      waiting: false, sensor: null, ...more,
    };
    return bed.access;
  }

  function askSensor(bed, access, name) {
    setTimeout(() => {
      const yes = ward.sensorConsents;
      ward.tell("step", { bed: bed.bed, value: { access: access.id, step: "sensor", state: yes ? "done" : "failed", text: yes ? "PUF both ways, 3.2 ms" : "the sensor did not consent" } });
      ward.tell("step", { bed: bed.bed, value: { access: access.id, step: "answer", state: yes ? "done" : "failed", text: yes ? `class III of ${name}` : "class II stays open" } });
      bed.access = { ...access, waiting: false, ...(yes ? { class: "III", sensor: name } : {}) };
      ward.tell("access", { bed: bed.bed, value: bed.access });
      ward.snapshot();
    }, ward.sensorMs);
  }

  function overrideOf(bed, request, statement) {
    const level = rank(ward.person.highest);
    const withheld = level < rank(request.class) ? "above certificate" : request.class === "III" && bed.condition !== "emergency" ? "no emergency" : null;
    const access = grant(bed, withheld ? "II" : request.class, "break-glass", { override: true, withheld });
    ward.overrides.push({ id: access.id, bed: bed.bed, label: bed.label, who: ward.person.name, until_ms: access.until_ms, mine: true, statement });
    ward.tellGlass();
    ward.snapshot();
    return [200, { decision: "override", access, steps: steps(null, { relation: bed.relation, class: "break-glass", answer: `class ${access.class} for 15 minutes` }), audit: 4712, journalled: ward.journalled }];
  }

  async function ask({ request: hex, statement, code }) {
    const bytes = Buffer.from(hex, "hex");
    const request = parseRequest(bytes);
    ward.requests.push({ ...request, text: statement });
    if (!ward.serial) return refuse("certificate missing", "you", null, false);
    const fault = credentialFault(request, await verifies(bytes, ward.publicKey));
    if (fault) return refuse(fault, "house", null, false);
    const bed = ward.beds.get(request.bed);
    if (!bed) return [404, { error: "there is no such bed" }];
    const hash = statement === undefined ? "0".repeat(64) : createHash("sha256").update(statement).digest("hex");
    if (hash !== request.statement) return [400, { error: "the statement is not the one that was signed" }];
    const clinician = !(ward.person.role in OF_ROLE);
    if (!(OF_ROLE[ward.person.role] ?? CLINICAL).includes(request.purpose)) return refuse("purpose not of role", "relation", bed, false);
    if (request.patient !== 0n && request.patient !== BigInt(bed.patient_number)) return refuse("wrong patient", "relation", bed, false);
    if (request.purpose === "break-glass") {
      if (!statement || statement.length < 5 || statement.length > 200) return [400, { error: "break-glass needs a reason of 5 to 200 characters" }];
      const wrong = codeFault(code);
      if (wrong) return [403, { error: wrong }];
      return overrideOf(bed, request, statement);
    }
    if (request.patient === 0n && request.purpose !== "emergency-treatment") return [400, { error: "no patient: only an emergency is for whoever lies in the bed" }];
    const most = TABLE[ward.person.role]?.[bed.relation];
    if (!most) return refuse("no relation", "relation", bed, clinician);
    if (rank(request.class) > rank(ward.person.highest)) return refuse("class above certificate", "class", bed, clinician);
    if (rank(request.class) > most) return refuse("class not allowed", "class", bed, clinician);
    if (request.class === "III") {
      const sensor = bed.sensors.find((other) => other.sensor === request.sensor && other.class === "III");
      if (!sensor) return [400, { error: "class III without a sensor of class III" }];
      const access = grant(bed, "II", request.purpose, { waiting: true });
      ward.snapshot();
      askSensor(bed, access, sensor.name);
      return [200, { decision: "asking", access, steps: steps(null, { relation: bed.relation, class: "class III: the sensor decides", sensor: "asking the sensor", answer: "class II meanwhile", states: { sensor: "waiting", answer: "waiting" } }), audit: 4713, journalled: false }];
    }
    const access = grant(bed, request.class, request.purpose, {});
    ward.snapshot();
    return [200, { decision: "granted", access, steps: steps(null, { relation: bed.relation, class: `class ${request.class} within the policy`, answer: `class ${request.class} for 4 hours` }), audit: 4714, journalled: false }];
  }

  return {
    ask,
    challenge() {
      const challenge = randomBytes(16).toString("hex");
      challenges.set(challenge, { at: Date.now(), used: false });
      return { challenge };
    },
    close(id) {
      const bed = [...ward.beds.values()].find(({ access }) => access?.id === id);
      if (!bed) return [404, { error: "there is no such grant of yours" }];
      const { from_ms } = bed.access;
      bed.access = null;
      ward.overrides = ward.overrides.filter((other) => other.id !== id);
      const now = Date.now();
      ward.tellGlass();
      ward.snapshot();
      return [200, { closed: { from_ms, until_ms: now, signals: ["ecg", "heart-rate", "spo2"], seconds: Math.ceil((now - from_ms) / 1000) } }];
    },
  };
}
