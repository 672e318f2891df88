// The keys of `bodywire demo`, pressed in a pseudo-terminal and seen on the page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { binary, effect, leftOut, report, startDemo } from "./demo-bed.mjs";

const skip = leftOut(!binary, "BODYWIRE_BIN, the built program");
// What the demonstration promises is a second; a busy machine gets three.
const SOON_MS = 3000;
const ALARM_MS = 10_000;
let demo, page;

before(async () => {
  if (skip) return;
  demo = await startDemo(["--emergency-at", "never"], { terminal: true });
  page = demo.page;
  await page.goto(demo.server.link);
  await page.locator("[data-signal=heart-rate]:not(:text('---'))").waitFor({ timeout: 30_000 });
});
after(async () => {
  await demo?.close();
  if (!skip) console.log(`Measured from the key to the page:\n${report()}`);
});

const key = (letter) => () => demo.server.type(letter);
const event = (text) => page.locator(".events li", { hasText: text }).first();

test("e: the patient deteriorates; the alarm is acknowledged by key A, with who and when", { skip }, async (t) => {
  await effect(t, "key e, event", SOON_MS, key("e"), event("the patient deteriorates"));
  await effect(t, "key e, then the alarm", ALARM_MS, () => {}, page.locator(".alarm.high.on"));
  const seen = page.locator(".alarm.high.acknowledged");
  await effect(t, "key A on the page", SOON_MS, () => page.keyboard.press("a"), seen);
  assert.match(await seen.innerText(), /ack \d\d:\d\d:\d\d Dr A\. Meyer/);
});

test("b: a path breaks, and comes back", { skip }, async (t) => {
  const count = (text) => page.locator(".card.paths .count", { hasText: text });
  await effect(t, "key b, broken", SOON_MS, key("b"), count("2/3"));
  await page.waitForTimeout(1000);
  await effect(t, "key b, restored", ALARM_MS, key("b"), count("3/3"));
});

test("t: a record is tampered with", { skip }, async (t) => {
  await effect(t, "key t", SOON_MS, key("t"), page.locator(".card.ledger.bad"));
});

test("q: the demonstration ends, and the page says that it has", { skip }, async (t) => {
  await effect(t, "key q", SOON_MS, key("q"), page.locator(".lost-frame"));
  await demo.server.ended;
  assert.match(demo.server.said(), /sensors\s+5 of 5 authenticated/);
});
