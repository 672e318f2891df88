// The bytes of an access request and of a wave frame; no browser. The expected bytes are put together here by hand and by
// node:crypto, not by what is tested; the last vector is that of crates/proto/src/access/request.rs.
import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, sign as nodeSign, verify, webcrypto } from "node:crypto";
import { test } from "node:test";
import { parseRequest } from "./fake-access.mjs";
import { waveFrame } from "./fake-beds.mjs";
import { load } from "./load-source.mjs";

const { signedRequest, statementHash, REQUEST_BYTES } = await load("access/request.ts");
const { parseWaveFrame } = await load("api/wave-frame.ts");

const PKCS8 = "302e020100300506032b657004220420";
const hex = (bytes) => Buffer.from(bytes).toString("hex");

function keyOf(seed) {
  const pkcs8 = Buffer.from(PKCS8 + seed, "hex");
  const node = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const sign = async (bytes) => webcrypto.subtle.sign("Ed25519", await webcrypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]), bytes);
  return { node, sign };
}

test("a request is what docs/access.md says, byte for byte", async () => {
  const { node, sign } = keyOf("07".repeat(32));
  const words = "Résumé: found without pulse";
  const request = {
    challenge: Uint8Array.from({ length: 16 }, (_, n) => n), serial: "f0e1d2c3b4a59687", patient: "18446744073709551615", bed: 65535, sensor: 258,
    class: "II", purpose: "own-data", timeMs: 1_700_000_000_123, statement: await statementHash(words),
  };
  const fields = [
    "01", "000102030405060708090a0b0c0d0e0f", "f0e1d2c3b4a59687", "ffffffffffffffff", "ffff", "0102", "02", "04", "0000018bcfe5687b",
    createHash("sha256").update(words, "utf8").digest("hex"),
  ].join("");
  const signature = nodeSign(null, Buffer.concat([Buffer.from("bodywire access request", "ascii"), Buffer.from(fields, "hex")]), node);
  const bytes = await signedRequest(request, sign);
  assert.equal(bytes.length, REQUEST_BYTES);
  assert.equal(hex(bytes), fields + signature.toString("hex"));
});

test("no patient, no sensor and no statement are zeros; a patient beyond 2^53 keeps its digits", async () => {
  const { sign } = keyOf("09".repeat(32));
  const request = { challenge: new Uint8Array(16), serial: "00".repeat(8), patient: null, bed: 1, sensor: 0, class: "I", purpose: "treatment", timeMs: 0, statement: null };
  const parsed = parseRequest(Buffer.from(await signedRequest(request, sign)));
  assert.deepEqual([parsed.patient, parsed.sensor, parsed.statement, parsed.class, parsed.purpose], [0n, 0, "0".repeat(64), "I", "treatment"]);
  const large = parseRequest(Buffer.from(await signedRequest({ ...request, patient: "9007199254740993" }, sign)));
  assert.equal(large.patient, 9007199254740993n);
});

test("it is the vector of the Rust crate", async () => {
  const { node, sign } = keyOf("22".repeat(32));
  const bytes = Buffer.from(await signedRequest({
    challenge: new Uint8Array(16).fill(0xcc), serial: "0102030405060708", patient: String(0x1112131415161718n), bed: 402, sensor: 5, class: "III",
    purpose: "break-glass", timeMs: 1_700_000_001_000, statement: new Uint8Array(32).fill(0xdd),
  }, sign));
  assert.equal(bytes.toString("hex"), [
    "01cccccccccccccccccccccccccccccccc010203040506070811121314151617180192000503030000018bcfe56be8dd",
    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd5279d8eb57326a73ac0ae004239785d8aa",
    "679e128ec3d09209885cf2ff8a26bfe284b8c893f7f1f4d823e1d045ffcf72b63c8d21e533602b0592720032d8f803",
  ].join(""));
  const signed = Buffer.concat([Buffer.from("bodywire access request"), bytes.subarray(0, 79)]);
  assert.ok(verify(null, signed, createPublicKey(node), bytes.subarray(79)));
});

test("what the server sends as challenge and is none is refused before anything is signed", async () => {
  const { fromHex } = await load("access/hex.ts");
  for (const text of ["", "00", "zz".repeat(16), "00".repeat(17)]) assert.throws(() => fromHex(text, 16), /Ask again/);
});

test("a wave frame says whose bed it is; other versions and short frames are left out", () => {
  const frame = waveFrame({ bed: 402, signal: 7, startMs: 5000, periodUs: 10_000, values: [0.5, -0.25], perUnit: 1000, flags: 3 });
  const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const { values, ...rest } = parseWaveFrame(buffer(frame));
  assert.deepEqual(rest, { bed: 402, signal: "pleth", late: true, recent: true, startMs: 5000, periodMs: 10 });
  assert.deepEqual([...values], [0.5, -0.25]);
  assert.equal(parseWaveFrame(buffer(Buffer.concat([Buffer.from([1]), frame.subarray(1)]))), null);
  const strip = (flags) => parseWaveFrame(buffer(waveFrame({ bed: 1, signal: 1, startMs: 0, periodUs: 4000, values: [1, -32.768, 2], perUnit: 1000, flags })));
  assert.deepEqual([...strip(6).values], [1, NaN, 2], "lost on the way");
  assert.ok(Math.abs(strip(2).values[1] + 32.768) < 1e-4, "a live wave may be anything");
  for (let length = 0; length < frame.length; length++) assert.equal(parseWaveFrame(buffer(frame.subarray(0, length))), null);
});
