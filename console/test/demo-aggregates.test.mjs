// Sums over encrypted vital signs in `bodywire demo`: hub, ledger, three replicas, clinic, page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { seriousFindings } from "./accessibility.mjs";
import { openAggregates } from "./aggregates-page.mjs";
import { binary, effect, leftOut, report, startDemo } from "./demo-bed.mjs";
import { screenshotPath } from "./harness.mjs";

const skip = leftOut(!binary, "BODYWIRE_BIN, the built program");
const ANSWER_MS = 20_000;
const ALARM_MS = 10_000;
const READINGS_MS = 60_000;
let demo, page;

before(async () => {
  if (skip) return;
  demo = await startDemo(["--emergency-at", "never"]);
  page = demo.page;
});
after(async () => {
  await demo?.close();
  if (!skip) console.log(`Measured from the wish to the page:\n${report()}`);
});

const choose = (name, value) => page.selectOption(`.query select[name=${name}]`, value);
const number = async (selector) => Number(await page.getAttribute(selector, "data-value"));
const shot = (name) => page.screenshot({ path: screenshotPath(`demo-aggregates-${name}`) });

// Asks, and waits for an answer to this question; a refusal or failure instead of it is shown in full.
async function answered(t, name) {
  const end = page.locator(".learnt, .refusal, .failure").first();
  await effect(t, name, ANSWER_MS, async () => {
    await page.click(".query .run");
    await page.locator(".query .run", { hasText: "Ask the replicas" }).waitFor({ timeout: ANSWER_MS });
  }, end);
  assert.equal(await page.locator(".learnt").count(), 1, await page.innerText(".outcome"));
}

test("encrypted windows arrive", { skip }, async (t) => {
  await effect(t, "first encrypted window", 90_000, () => openAggregates(page, demo.server.link), page.locator("main.aggregates"));
  assert.match(await page.innerText(".policy"), /1 patient\b.*Replicas\s+3/s);
});

test("the mean heart rate: at least two replicas agreed, and saw a ciphertext", { skip }, async (t) => {
  // The first windows have no heart rate: the detector learns the patient's beats before it counts them.
  const end = Date.now() + READINGS_MS;
  do await answered(t, "mean");
  while ((await page.getAttribute(".learnt .large", "data-value")) === "" && Date.now() < end);
  const mean = await number(".learnt .large");
  assert.ok(mean >= 30 && mean <= 220, String(mean));
  assert.match(await page.innerText(".learnt .headline"), /\/min mean of Heart rate/);
  assert.match(await page.innerText(".learnt"), /SIMULATED/);
  const agreed = await page.locator(".verdicts .agreed").count();
  assert.ok(agreed >= 2, await page.innerText(".verdicts"));
  assert.match((await page.innerText(".ciphertext")).replace(/[\s…]/g, ""), /^[0-9a-f]{128}$/);
  assert.match(await page.innerText(".seen .hash"), /^[0-9a-f]{64}$/);
  assert.match(await page.innerText(".on-record"), /query in entry [\d ]+, result in entry [\d ]+/);
  await shot("mean");
  assert.deepEqual(await seriousFindings(page), []);
});

test("an alarm raised meanwhile is on this page", { skip }, async (t) => {
  const alarm = page.locator(".screen:has(main.aggregates) .alarm-bar .alarm.high.on");
  await effect(t, "emergency, seen from the aggregates", ALARM_MS, () => page.click("[data-demo=emergency]"), alarm);
  await shot("alarm");
  await page.keyboard.press("a");
  await page.locator(".alarm.high.acknowledged").waitFor({ timeout: ALARM_MS });
});

test("a count above a threshold is a part of all readings", { skip }, async (t) => {
  await choose("function", "count");
  await page.fill("input[name=above]", "100");
  await answered(t, "count");
  const count = await number(".learnt .large");
  const [, of] = /of ([\d ]+) readings? of Heart rate above 100 \/min/.exec(await page.innerText(".learnt .headline"));
  const all = Number(of.replaceAll(" ", ""));
  assert.ok(all > 0 && count >= 0 && count <= all, `${count} of ${all}`);
});

test("a histogram holds as many readings as were added up", { skip }, async (t) => {
  await choose("function", "histogram");
  await answered(t, "histogram");
  await page.click(".data summary");
  const counts = await page.$$eval(".data tbody tr td:last-child", (cells) => cells.map(({ textContent }) => Number(textContent.replaceAll(" ", ""))));
  assert.equal(await page.locator(".histogram rect").count(), counts.length);
  const [, readings] = /Readings\s+([\d ]+)/.exec(await page.innerText(".learnt .facts"));
  assert.equal(counts.reduce((sum, count) => sum + count, 0), Number(readings.replaceAll(" ", "")));
  await shot("histogram");
});

test("a time without vectors is refused with a reason", { skip }, async () => {
  await choose("function", "mean");
  await choose("span", "dates");
  await page.fill("input[name=from]", "2001-02-03T04:05:06");
  await page.fill("input[name=to]", "2001-02-03T05:05:06");
  await page.click(".query .run");
  const refusal = page.locator(".refusal[data-code=nothing]");
  await refusal.waitFor({ timeout: ANSWER_MS });
  assert.match(await refusal.innerText(), /^Refused: Nothing there\. \S+/);
});

test("the bed's trace goes on after a look at the aggregates", { skip }, async () => {
  await page.locator(".query .run").focus();
  await page.keyboard.press("b");
  const head = () => page.$eval(".strip.ecg .trace", (canvas) => Number(canvas.dataset.headMs));
  await page.waitForFunction(() => Number(document.querySelector(".strip.ecg .trace")?.dataset.headMs) > 0);
  const start = await head();
  await page.waitForTimeout(2000);
  assert.ok((await head()) - start > 1000);
});

test("no CSP violation, console error or foreign request in all of this", { skip }, () => {
  assert.deepEqual(page.complaints, []);
});
