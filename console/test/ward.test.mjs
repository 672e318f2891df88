// The ward's page with 1, 8 and 32 beds of a made-up ward.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { columnTops } from "./trace-pixels.mjs";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
const HIGH = { id: 21, priority: "high", condition: "ventricular-tachycardia", text: "VENT TACHY" };
const SECRET = { id: 24, priority: "high", condition: "asystole", text: "ASYSTOLE SECRET" };
let w, page, ward;

before(async () => {
  w = await openWard({ relations: { 6: "none" } });
  ({ page, ward } = w);
  await page.locator(".tile[data-bed='8'] [data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
});
after(() => w?.close());

const order = () => page.$$eval(".tile", (tiles) => tiles.map((tile) => Number(tile.dataset.bed)));
const head = (bed) => page.$eval(`.tile[data-bed="${bed}"] .strip.ecg .trace`, (canvas) => Number(canvas.dataset.headMs));

test("a ward of one bed starts with the bed, of several with their tiles", async () => {
  assert.match(await page.title(), /^Ward/);
  assert.deepEqual(await order(), [1, 2, 3, 4, 5, 6, 7, 8]);
  const one = await openWard({ beds: 1 });
  await one.seen(".bed-view .waves");
  assert.equal(await one.page.locator(".pages a[href='#ward']").count(), 0);
  await one.close();
});

test("a tile has trace, numbers with age, paths, authentication, ledger and alarm load", async () => {
  const text = await w.tile(2).innerText();
  for (const part of [/402/, /Lindqvist, M/, /66/, /97/, /14/, /36\.8/, /[01] s/, /paths 3\/3/, /auth ✓ 2 min/, /ledger ✓/, /1\.8 per hour/]) assert.match(text, part);
  const start = await head(2);
  await page.waitForTimeout(1500);
  assert.ok((await head(2)) - start > 700, "the sweep runs");
});

test("a bed without access is hatched: number and highest priority, nothing else", async () => {
  ward.raise(6, SECRET);
  const closed = w.tile(6);
  await closed.locator(".alarm.high").waitFor(SOON);
  const text = await closed.innerText();
  assert.match(text, /406/);
  assert.match(text, /\*\*\* HIGH ALARM/);
  assert.match(text, /Ask for access\s*Break glass/);
  assert.doesNotMatch(await page.content(), /SECRET|Silva/);
  assert.equal(await closed.locator(".acknowledge").count(), 0, "redacted alarms can be acknowledged by nobody");
  assert.equal(await closed.locator("canvas").count(), 0);
  assert.ok(!ward.wavesOpen().flat().includes(6), "no waves are asked for");
  assert.match(await page.locator("[aria-live=assertive]").innerText(), /Bed 406: high alarm/);
});

test("alarms: colour, prefix, flash and sort never move a tile; counts stand in the header", async () => {
  ward.raise(3, HIGH);
  ward.raise(4, { id: 22, priority: "medium", text: "HR 128 > 120", condition: "limit.heart-rate.high" });
  ward.raise(5, { id: 23, priority: "low", text: "TEMP 39.2 > 39" });
  ward.raise(7, { id: 26, priority: "technical", text: "LEADS OFF (RA)" });
  await w.seen(".tile.low[data-bed='5']");
  const style = (bed) => page.$eval(`.tile[data-bed="${bed}"] .alarm`, (alarm) => {
    const { animationName, animationDuration } = getComputedStyle(alarm);
    return [alarm.innerText.split("\n")[0], animationName, animationDuration];
  });
  assert.deepEqual(await style(3), ["*** VENT TACHY", "flash-high", "0.5s"]);
  assert.deepEqual(await style(4), ["** HR 128 > 120", "flash-medium", "1.667s"]);
  assert.deepEqual((await style(5)).slice(0, 2), ["* TEMP 39.2 > 39", "none"]);
  await w.seen(".tile[data-bed='7'] .tile-foot .technical");
  assert.equal(await w.tile(7).locator(".alarm").count(), 0, "a technical alarm does not take the medical ones' place");
  assert.deepEqual(await order(), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(await page.locator(".pill.count").allInnerTexts(), ["HIGH 2", "MEDIUM 1", "LOW 1"]);
  await page.mouse.move(0, 0);
  await w.shot("ward-8-alarms");
  assert.deepEqual(await w.findings(), []);
});

test("A acknowledges the marked alarm, in the tile that has the focus if one has; other beds' alarms stay", async () => {
  await page.locator(".tile[data-bed='4'] .tile-name").focus();
  await page.locator(".tile[data-bed='4'] .acknowledge", { hasText: "(A)" }).waitFor(SOON);
  await page.keyboard.press("a");
  await w.tile(4).locator(".alarm.medium.acknowledged").waitFor(SOON);
  await page.evaluate(() => document.activeElement.blur());
  await page.locator(".tile[data-bed='3'] .acknowledge", { hasText: "(A)" }).waitFor(SOON);
  assert.deepEqual(ward.calls.filter(({ path }) => path.endsWith("acknowledge")).map(({ path }) => path), ["alarms/22/acknowledge"]);
});

test("audio pause is the bed's, 120 s with a countdown on its tile, and changes no alarm", async () => {
  await page.getByText("Sound off - click to enable").click();
  await page.getByRole("button", { name: "Pause audio Bed 403 2 min (P)" }).waitFor(SOON);
  await page.keyboard.press("p");
  await w.tile(3).locator(".tile-paused", { hasText: /audio paused (2:00|1:5\d)/ }).waitFor(SOON);
  assert.deepEqual(ward.calls.at(-1), { method: "POST", path: "beds/3/pause", body: { seconds: 120 } });
  assert.equal(await w.tile(3).locator(".alarm.high.on").count(), 1);
  // That of the closed bed is seen and not heard: who may not look could not silence it.
  assert.equal(await page.getByRole("button", { name: /Pause audio Bed 406/ }).count(), 0);
  assert.equal(await w.tile(6).locator(".alarm.high").count(), 1);
});

test("on a bed's page the alarms of the others stand beside its own, and lead there", async () => {
  await page.keyboard.press("1");
  await w.seen(".bed-view .numerics");
  assert.equal(new URL(page.url()).hash, "#bed/1");
  const elsewhere = page.locator(".elsewhere");
  await elsewhere.locator(".alarm", { hasText: "Bed 403" }).waitFor(SOON);
  assert.match(await elsewhere.innerText(), /Bed 406\s*\*\*\* HIGH ALARM/);
  await elsewhere.locator("a", { hasText: "Bed 403" }).click();
  await page.locator("header .bed", { hasText: "Bed 403" }).waitFor(SOON);
  await page.keyboard.press("w");
  await w.seen("main.ward");
});

test("waves come on one socket for the beds on the screen", async () => {
  await page.waitForTimeout(500);
  assert.deepEqual(ward.wavesOpen(), [[1, 2, 3, 4, 5, 7, 8]]);
  await page.keyboard.press("2");
  await page.waitForTimeout(600);
  assert.deepEqual(ward.wavesOpen(), [[2]]);
  await page.keyboard.press("u");
  await page.waitForTimeout(600);
  assert.deepEqual(ward.wavesOpen(), []);
  assert.match(await page.innerText(".pill.live"), /● LIVE/);
  await page.keyboard.press("w");
});

test("a bed that is turned to starts with its recent past", async () => {
  await w.seen("main.ward");
  await page.waitForTimeout(1500);
  await page.keyboard.press("2");
  await page.waitForFunction(() => Number(document.querySelector(".bed-view .strip.ecg .trace")?.dataset.headMs) > 0, null, SOON);
  await page.waitForTimeout(300);
  const drawn = (await columnTops(page)).filter((top) => top !== null).length;
  const second = 25 * (await page.$eval(".strip.ecg .trace", (canvas) => Number(canvas.dataset.pxPerMm)));
  assert.ok(drawn > 4 * second, `${drawn} columns, a second is ${second.toFixed(0)}`);
  await page.keyboard.press("w");
});

test("search dims what does not match and moves nothing; Enter opens the first", async () => {
  await w.seen("main.ward");
  await w.seen(".search input");
  await page.keyboard.press("/");
  await page.keyboard.type("novak");
  await page.waitForFunction(() => document.querySelectorAll(".tile.dimmed").length === 7, null, SOON);
  assert.deepEqual(await order(), [1, 2, 3, 4, 5, 6, 7, 8]);
  await page.keyboard.press("Enter");
  await page.locator("header .bed", { hasText: "Bed 405" }).waitFor(SOON);
  await page.keyboard.press("/");
  await w.seen("main.ward .search input:focus");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".tile.dimmed").count(), 0);
});

test("a stalled wave socket does not delay an alarm", async (t) => {
  ward.stalled = true;
  await page.locator(".tile[data-bed='2'] .no-live").waitFor({ timeout: 8000 });
  assert.match(await page.innerText(".pill.live"), /NO WAVES/);
  const start = performance.now();
  ward.raise(2, { ...HIGH, id: 31 });
  await w.seen(".tile.high[data-bed='2'] .alarm.high.on");
  const ms = performance.now() - start;
  t.diagnostic(`alarm on its tile after ${ms.toFixed(0)} ms`);
  assert.ok(ms < 1000, `${ms} ms`);
  ward.stalled = false;
  ward.raise(2, { ...HIGH, id: 31, state: "off" });
  await w.gone(".tile[data-bed='2'] .no-live");
});

test("numbers that stop coming are --- with their age", async () => {
  ward.beds.get(8).numerics = [];
  await page.locator(".tile[data-bed='8'] .tile-number.heart-rate.stale", { hasText: /no data \d+ s/ }).waitFor({ timeout: 9000 });
  assert.equal(await w.tile(8).locator("[data-signal=heart-rate]").innerText(), "---");
});

test("when the rights change the server's snapshot closes and opens beds at once", async () => {
  ward.beds.get(1).access = null;
  ward.snapshot();
  await w.seen(".tile.is-closed[data-bed='1']");
  assert.doesNotMatch(await page.content(), /Okafor/);
  assert.equal(await w.tile(1).locator("canvas").count(), 0);
  ward.grant(6, "II");
  await page.locator(".tile[data-bed='6'] [data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
  await w.tile(6).locator(".alarm", { hasText: "ASYSTOLE SECRET" }).waitFor(SOON);
  ward.grant(1, "I");
  await page.locator(".tile[data-bed='1'] [data-signal=temp]:not(:text('---'))").waitFor(SOON);
  assert.match(await w.tile(1).innerText(), /ECG is class II: closed/);
  assert.equal(await w.tile(1).locator("[data-signal=heart-rate]").innerText(), "---");
  await w.shot("ward-8-class-i");
});

test("a grant that ends is gone by the page's own clock, also when the server says nothing", async () => {
  ward.grant(2, "II", { until_ms: Date.now() + 1500 });
  await page.waitForTimeout(500);
  assert.equal(await page.locator(".tile.is-closed[data-bed='2']").count(), 0);
  await w.seen(".tile.is-closed[data-bed='2']");
  assert.doesNotMatch(await w.tile(2).innerText(), /Lindqvist|66/);
});

test("a silent server is a red frame, without a number", async () => {
  ward.silent = true;
  await page.getByText(/NO LIVE DATA since/).waitFor({ timeout: 7000 });
  for (const value of await page.locator("[data-signal]").allInnerTexts()) assert.equal(value, "---");
  await w.shot("ward-lost");
  ward.silent = false;
  await page.locator(".screen.live").waitFor({ timeout: 8000 });
});

test("reduced motion: alarms stand still behind a thick border", async () => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  const [name, width] = await page.$eval(".tile[data-bed='3'] .alarm.high", (alarm) => [getComputedStyle(alarm).animationName, getComputedStyle(alarm).borderTopWidth]);
  assert.equal(name, "none");
  assert.ok(parseFloat(width) >= 3, width);
  await page.emulateMedia({ reducedMotion: "no-preference" });
});

test("no CSP violation, console error or foreign request in all of this", () => {
  assert.deepEqual(page.complaints, []);
});
