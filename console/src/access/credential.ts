// The person's key: it comes in the fragment of the one-time link, which no browser sends to a server, and becomes a key that
// signs and cannot be read out (docs/console-api.md, "Signing in").
import { signal } from "@preact/signals";
import { certificate, wall } from "../state/session";
import { fromHex } from "./hex";
import { keepKey, storedKey } from "./key-store";
import type { Sign } from "./request";

// PKCS8 around an Ed25519 seed (RFC 8410, section 7).
const PKCS8_PREFIX = "302e020100300506032b657004220420";
const SEED_BYTES = 32;
const FRAGMENT = /^#k=([0-9a-f]{64})$/i;

// Why this page cannot sign, or null when it can.
export const cannotSign = signal<string | null>("The session is not read yet.");
let key: CryptoKey | null = null;
let arrived: Promise<string | null> = Promise.resolve(null);

async function importSeed(seed: string): Promise<string | null> {
  // Missing where the address is neither https nor this machine.
  if (!globalThis.crypto?.subtle) return "This address cannot keep a key: open it as https or on this machine.";
  try {
    const pkcs8 = fromHex(PKCS8_PREFIX + seed, PKCS8_PREFIX.length / 2 + SEED_BYTES);
    const imported = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
    pkcs8.fill(0);
    await keepKey({ key: imported, serial: null });
    return null;
  } catch (error) {
    return `This browser cannot keep the key of the link (${(error as Error).name}): use a current browser, not in private mode, and a new link.`;
  }
}

// Takes the key out of the address before anything else looks at it.
export function takeKeyFromAddress(): void {
  const seed = FRAGMENT.exec(location.hash)?.[1];
  if (!seed) return;
  history.replaceState(null, "", location.pathname);
  arrived = importSeed(seed);
}

// Joins key and certificate. A key that was left by another session signs nothing here.
export async function bindCredential(): Promise<void> {
  key = null;
  cannotSign.value = await whyNot();
}

async function whyNot(): Promise<string | null> {
  const failed = await arrived;
  if (failed) return failed;
  const serial = certificate.peek()?.serial;
  if (wall.peek()) return "This screen only reads.";
  if (!serial) return "This session has no certificate: open a link that carries a key.";
  if (!globalThis.crypto?.subtle) return "This address cannot keep a key: open it as https or on this machine.";
  try {
    const stored = await storedKey();
    if (!stored) return "This browser has no key: open a new link.";
    if (stored.serial !== null && stored.serial !== serial) return "The key in this browser is that of another session: open a new link.";
    if (stored.serial === null) await keepKey({ ...stored, serial });
    key = stored.key;
    return null;
  } catch {
    return "The browser's store of keys cannot be read: allow it for this page, and open a new link.";
  }
}

export const sign: Sign = async (bytes) => {
  if (!key) throw new Error(cannotSign.peek() ?? "There is no key.");
  return crypto.subtle.sign("Ed25519", key, bytes);
};
