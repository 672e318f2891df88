// What a bed's page has besides trace and numbers: trends, event review, limits, access, freeze, printed strip.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
let w, page, ward;

before(async () => {
  w = await openWard({ beds: 3, relations: { 2: "on-call" }, role: "physician" });
  ({ page, ward } = w);
  await page.keyboard.press("1");
  await page.locator(".bed-view [data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
});
after(() => w?.close());

const tab = (name) => page.getByRole("tab", { name }).click();
const head = () => page.$eval(".strip.ecg .trace", (canvas) => Number(canvas.dataset.headMs));

test("the overview has the access card beside evidence, paths, sensors and events", async () => {
  const card = page.locator(".card.access");
  assert.match(await card.innerText(), /Class II for treatment until \d\d:\d\d:\d\d/);
  assert.match(await card.innerText(), /You treat this patient/);
  await card.getByRole("button", { name: "Ask for class III: Insulin pump" }).waitFor(SOON);
  assert.match(await page.innerText(".numeric.pump-rate"), /---\s*closed/);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(4000);
  await w.shot("bed-overview");
  assert.deepEqual(await w.findings(), []);
});

test("tabs go by arrow keys", async () => {
  await page.locator("#tab-overview").focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-trends");
  await w.seen(".card.trends .plot canvas");
});

test("trends of 1 to 24 hours: a chart and a table for each signal, a hole stays a hole", async () => {
  await w.seen(".trend-figure.temp .plot canvas");
  assert.equal(await page.locator(".card.trends .plot canvas").count(), 4);
  await page.selectOption(".card.trends select[name=hours]", "24");
  await page.locator(".trend-figure.heart-rate .plot[aria-label*='over 24 h, 11']").waitFor(SOON);
  await page.waitForTimeout(500);
  // Columns of the curve's colour: none in the fifth of the time without readings.
  const blank = await page.$eval(".trend-figure.heart-rate .plot canvas", (canvas) => {
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let longest = 0;
    let run = 0;
    for (let x = Math.floor(width * 0.15); x < width * 0.95; x++) {
      let drawn = false;
      for (let y = 0; y < height * 0.8 && !drawn; y++) drawn = data[4 * (y * width + x) + 1] > 200 && data[4 * (y * width + x)] < 90 && data[4 * (y * width + x) + 3] > 200;
      run = drawn ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    return longest / width;
  });
  assert.ok(blank > 0.12 && blank < 0.3, `${blank} of the width is blank`);
  await page.locator(".trend-figure.heart-rate summary").click();
  await page.locator(".trend-figure.heart-rate td").first().waitFor(SOON);
  await page.locator(".trend-figure.heart-rate summary").click();
  await w.shot("bed-trends");
  assert.deepEqual(await w.findings(), []);
});

test("event review: records with who looked, and 20 s of ECG with the alarm marked", async () => {
  await tab("Event review");
  await w.seen(".records tbody tr");
  const rows = await page.locator(".records tbody tr").allInnerTexts();
  assert.match(rows[0], /\*\*\* VENT TACHY.*40 s.*Dr A\. Meyer, \d\d:\d\d:\d\d/s);
  assert.match(rows[1], /\*\* HR 128 > 120.*nobody/s);
  await w.seen(".review-strip .strip-mark", { state: "attached" });
  assert.match(await page.innerText(".review-strip figcaption"), /20 s.*where there is no line, the signal was lost on the way/);
  const trace = await page.locator(".review-strip .strip-trace").getAttribute("d");
  assert.equal(trace.split("M").length - 1, 2, "a line before what was lost and one behind it");
  assert.equal(trace.split(/[ML]/).length - 1, 5000 - 62);
  await page.click(".older");
  await w.gone(".older");
  await w.shot("bed-event-review");
  assert.deepEqual(await w.findings(), []);
});

test("limits are changed and alarms switched off in the limits panel, nowhere else", async () => {
  await tab("Limits");
  const row = page.locator("[data-limit=heart-rate]");
  await row.locator("input[name=heart-rate-high]").fill("130");
  await row.locator("input[name=heart-rate-low]").fill("140");
  await row.getByRole("button", { name: "Save" }).click();
  await page.locator(".limits .told", { hasText: "must lie below" }).waitFor(SOON);
  assert.equal(ward.calls.filter(({ method }) => method === "PUT").length, 0);
  await row.locator("input[name=heart-rate-low]").fill("");
  await row.locator("select").selectOption("high");
  await row.getByRole("button", { name: "Save" }).click();
  await row.locator(".changed", { hasText: "Dr A. Meyer" }).waitFor(SOON);
  assert.deepEqual(ward.calls.at(-1), { method: "PUT", path: "beds/1/limits", body: { signal: "heart-rate", low: null, high: 130, priority: "high", enabled: true } });
  const spo2 = page.locator("[data-limit=spo2]");
  await spo2.getByLabel("Alarm off").check();
  await spo2.getByRole("button", { name: "Save" }).click();
  await page.locator(".numeric.spo2 .crossed-bell").waitFor(SOON);
  assert.equal(ward.calls.at(-1).body.enabled, false);
  await w.shot("bed-limits");
  assert.deepEqual(await w.findings(), []);
  await page.keyboard.press("w");
  await page.locator(".tile[data-bed='1'] .crossed-bell").first().waitFor(SOON);
});

test("who does not treat the patient sees the limits and cannot change them; a refusal is said", async () => {
  await page.keyboard.press("2");
  await tab("Limits");
  await page.locator(".limits .hint", { hasText: "only who treats the patient" }).waitFor(SOON);
  assert.equal(await page.locator(".card.limits input:not([disabled]), .card.limits button").count(), 0);
  await page.keyboard.press("3");
  await tab("Limits");
  ward.beds.get(3).relation = "on-call";
  await page.locator("[data-limit=resp] input[name=resp-high]").fill("31");
  await page.locator("[data-limit=resp]").getByRole("button", { name: "Save" }).click();
  await page.locator(".limits .told", { hasText: "only who treats the patient sets limits" }).waitFor(SOON);
});

test("freeze stops the trace and says so; it goes on where the patient is", async () => {
  await page.keyboard.press("1");
  await page.waitForFunction(() => Number(document.querySelector(".strip.ecg .trace")?.dataset.headMs) > 0, null, SOON);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("f");
  await page.locator(".frozen", { hasText: /FROZEN \d\d:\d\d:\d\d/ }).first().waitFor(SOON);
  await page.waitForTimeout(300);
  const stopped = await head();
  await page.waitForTimeout(1200);
  assert.equal(await head(), stopped);
  await w.shot("bed-frozen");
  await page.keyboard.press("f");
  await page.waitForTimeout(800);
  assert.ok((await head()) - stopped > 1500);
});

test("the printed strip says bed, time, gain, speed, that it is simulated and not for clinical use", async () => {
  await page.evaluate(() => (window.print = () => (window.printedOnce = true)));
  await page.waitForTimeout(4000);
  await page.locator(".panel-bar .print").click();
  await page.waitForFunction(() => window.printedOnce, null, SOON);
  await page.emulateMedia({ media: "print" });
  const text = await page.innerText(".print-sheet");
  for (const part of [/Bed 401/, /NOT FOR CLINICAL USE/, /SIMULATED DATA \(HTEST\)/, /25 mm\/s, 10 mm\/mV/, /ECG .*\d\d:\d\d:\d\d to \d\d:\d\d:\d\d/, /not a medical device/]) assert.match(text, part);
  const millimetres = await page.$eval(".print-sheet svg", (svg) => svg.getBoundingClientRect().width / (96 / 25.4));
  assert.ok(Math.abs(millimetres - 250) < 0.5, `${millimetres} mm for 10 s`);
  assert.equal(await page.locator("header").isVisible(), false);
  await w.shot("bed-printed");
  await page.emulateMedia({ media: "screen" });
});

test("closing one's access shows what was looked at, and the bed is closed", async () => {
  await page.locator(".card.access").getByRole("button", { name: "Close" }).click();
  const card = page.locator("dialog.closing-card");
  await card.waitFor(SOON);
  assert.match(await card.innerText(), /Bed 401: closed.*ECG, Heart rate, SpO₂.*seconds?/s);
  await page.keyboard.press("Escape");
  await card.waitFor({ state: "detached" });
  await w.seen(".closed-view");
  await page.waitForTimeout(500);
  assert.equal(ward.beds.get(1).access, null, "it is not asked for again by itself");
  await w.shot("bed-closed");
  assert.deepEqual(await w.findings(), []);
});

test("no CSP violation, console error or foreign request in all of this", () => {
  assert.deepEqual(page.complaints.filter((text) => !/status of 403/.test(text)), []);
});
