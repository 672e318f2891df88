// The bytes of an access request (docs/access.md, "Bytes"; crates/proto/src/access/request.rs). Integers are big-endian.
import type { RiskClass } from "../api/types";
import { fromHex } from "./hex";

const VERSION = 1;
const CONTEXT = new TextEncoder().encode("bodywire access request");
export const CHALLENGE_BYTES = 16;
export const SERIAL_BYTES = 8;
const STATEMENT_BYTES = 32;
// Version 1, challenge 16, serial 8, patient 8, bed 2, sensor 2, class 1, purpose 1, time 8, statement 32.
const FIELDS_BYTES = 79;
const SIGNATURE_BYTES = 64;
export const REQUEST_BYTES = FIELDS_BYTES + SIGNATURE_BYTES;

export const PURPOSES = { treatment: 1, "emergency-treatment": 2, "break-glass": 3, "own-data": 4, review: 5 } as const;
export type Purpose = keyof typeof PURPOSES;
const CLASSES: Record<RiskClass, number> = { I: 1, II: 2, III: 3 };

export interface AccessRequest {
  challenge: Uint8Array;
  // Of the certificate, hexadecimal.
  serial: string;
  // Decimal digits of a 64-bit number; null is whoever lies in the bed.
  patient: string | null;
  bed: number;
  // 0 is all sensors of the class.
  sensor: number;
  class: RiskClass;
  purpose: Purpose;
  timeMs: number;
  // Hash of the reason in words, which travel beside the request; null is no reason.
  statement: Uint8Array | null;
}
export type Sign = (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>;

export const statementHash = async (words: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(words)));

function fieldsOf(request: AccessRequest): Uint8Array {
  const fields = new Uint8Array(FIELDS_BYTES);
  const view = new DataView(fields.buffer);
  view.setUint8(0, VERSION);
  fields.set(request.challenge, 1);
  fields.set(fromHex(request.serial, SERIAL_BYTES), 17);
  view.setBigUint64(25, BigInt(request.patient ?? 0));
  view.setUint16(33, request.bed);
  view.setUint16(35, request.sensor);
  view.setUint8(37, CLASSES[request.class]);
  view.setUint8(38, PURPOSES[request.purpose]);
  view.setBigUint64(39, BigInt(Math.round(request.timeMs)));
  fields.set(request.statement ?? new Uint8Array(STATEMENT_BYTES), 47);
  return fields;
}

// The signed request. The signature is Ed25519 over the context and the fields.
export async function signedRequest(request: AccessRequest, sign: Sign): Promise<Uint8Array> {
  const fields = fieldsOf(request);
  const signed = new Uint8Array(CONTEXT.length + FIELDS_BYTES);
  signed.set(CONTEXT);
  signed.set(fields, CONTEXT.length);
  const bytes = new Uint8Array(REQUEST_BYTES);
  bytes.set(fields);
  bytes.set(new Uint8Array(await sign(signed)), FIELDS_BYTES);
  return bytes;
}
