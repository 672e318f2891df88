// The credential in the browser: from the link's fragment to a key that signs and cannot be read out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startFakeWard } from "./fake-ward.mjs";
import { listen, startBrowser } from "./harness.mjs";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
let browser;
before(async () => (browser = await startBrowser()));
after(() => browser?.close());

const storedKey = (page) => page.evaluate(async () => {
  const settled = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const database = await settled(indexedDB.open("bodywire", 1));
  const stored = await settled(database.transaction("keys").objectStore("keys").get("credential"));
  if (!stored) return null;
  const exported = await crypto.subtle.exportKey("pkcs8", stored.key).then(() => "readable", (error) => error.name);
  return { serial: stored.serial, extractable: stored.key.extractable, algorithm: stored.key.algorithm.name, usages: stored.key.usages, exported };
});

async function openPage(ward, { address = ward.link, prepare = async () => {}, context } = {}) {
  const page = listen(await (context ?? (await browser.newContext())).newPage(), ward.origin);
  await prepare(page);
  await page.goto(address);
  await page.locator(".screen.live").waitFor(SOON);
  return page;
}

test("the fragment becomes a key that nobody reads out, the address loses it, and a reload keeps it", async () => {
  const ward = await startFakeWard({ beds: 2 });
  const page = await openPage(ward);
  await page.locator(".tile [data-signal=heart-rate]:not(:text('---'))").first().waitFor(SOON);
  assert.equal(page.url(), `${ward.origin}/`);
  assert.deepEqual(await storedKey(page), { serial: ward.serial, extractable: false, algorithm: "Ed25519", usages: ["sign"], exported: "InvalidAccessError" });
  const sent = ward.calls.map((call) => JSON.stringify(call)).join("");
  assert.ok(!sent.includes(ward.seed), "the seed never reaches the server");
  const asked = ward.requests.length;
  ward.beds.get(1).access = null;
  await page.reload();
  await page.locator(".tile[data-bed='1'] [data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
  assert.equal(ward.requests.length, asked + 1, "bed 1 alone is asked for again, with the same key");
  assert.deepEqual(page.complaints, []);
  ward.close();
});

test("each bed with a relation is asked for class II, by role; what the certificate or the policy does not reach falls to I", async () => {
  const cases = [
    [{ role: "physician" }, ["II treatment"]], [{ role: "nurse", highest: "I" }, ["I treatment"]],
    [{ role: "nurse", highest: "II", relations: { all: "consulting" } }, ["II treatment", "I treatment"]],
    [{ role: "reviewer", highest: "II", relations: { all: "consulting" } }, ["II review"]],
    [{ role: "patient", highest: "III", relations: { all: "own" } }, ["II own-data"]], [{ role: "physician", relations: { all: "none" } }, []],
  ];
  for (const [options, expected] of cases) {
    const ward = await startFakeWard({ beds: 1, ...options });
    const page = await openPage(ward);
    await page.waitForTimeout(700);
    assert.deepEqual(ward.requests.map((request) => `${request.class} ${request.purpose}`), expected, JSON.stringify(options));
    if (expected.length > 0) assert.equal(ward.requests[0].patient, (1n << 60n) + 1n);
    assert.ok(Math.abs((ward.requests[0]?.time ?? Date.now()) - Date.now()) < 5000);
    await page.context().close();
    ward.close();
  }
});

test("a link without a key: every bed closed, and the page says why", async () => {
  const ward = await startFakeWard({ beds: 2, certificate: false });
  const page = await openPage(ward);
  await page.locator(".tile.is-closed", { hasText: "no certificate: open a link that carries a key" }).first().waitFor(SOON);
  assert.equal(await page.locator(".tile.is-closed").count(), 2);
  assert.equal(await page.locator(".tile button").count(), 0);
  assert.equal(ward.requests.length, 0);
  ward.close();
});

test("a key that another session left signs nothing", async () => {
  const ward = await startFakeWard({ beds: 2 });
  const context = await browser.newContext();
  const before = await openPage(ward, { context });
  // What is under way would open a bed once more.
  while ([...ward.beds.values()].some((bed) => bed.access === null)) await before.waitForTimeout(20);
  await before.close();
  ward.serial = "ffffffffffffffff";
  for (const bed of ward.beds.values()) bed.access = null;
  const asked = ward.requests.length;
  const page = await openPage(ward, { context, address: ward.origin });
  await page.locator(".tile", { hasText: "The key in this browser is that of another session" }).first().waitFor(SOON);
  assert.equal(ward.requests.length, asked);
  ward.close();
});

test("an address that cannot keep a key, and a browser without Ed25519, say so", async () => {
  for (const [script, text] of [
    [() => Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined }), "This address cannot keep a key: open it as https or on this machine."],
    [() => (SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException("no", "NotSupportedError"))), "This browser cannot keep the key of the link (NotSupportedError)"],
  ]) {
    const ward = await startFakeWard({ beds: 2 });
    const page = await openPage(ward, { prepare: (opened) => opened.addInitScript(script) });
    await page.locator(".tile", { hasText: text }).first().waitFor(SOON);
    assert.equal(page.url(), `${ward.origin}/`, "the key does not stay in the address");
    ward.close();
  }
});

test("a signature by another key is refused, and the page says what the house said", async () => {
  const other = await startFakeWard({ beds: 1 });
  const { ward, page, seen, close } = await openWard({ beds: 1 }, { before: (made) => (made.publicKey = other.publicKey) });
  await page.keyboard.press("x");
  await seen("[data-step=house].failed");
  assert.match(await page.innerText(".refusal"), /request's signature.*not signed by the certificate's holder/s);
  assert.equal(await page.locator(".refusal button").count(), 0, "no offer without a proven certificate");
  assert.equal(ward.beds.get(1).access, null);
  other.close();
  await close();
});
