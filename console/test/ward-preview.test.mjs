// The real server with 32 made-up beds: what a frame costs, what axe says, and an alarm while other screens have stalled.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { seriousFindings } from "./accessibility.mjs";
import { alarmClock, calm, nextFlash, rowOf, summaryOf } from "./alarm-clock.mjs";
import { peopleOf, signIn } from "./demo-people.mjs";
import { givenUrl, isPreview, originOf, screenshotPath, startBrowser, startServer } from "./harness.mjs";
import { stalledWaves } from "./stalled-socket.mjs";

const skip = isPreview && !givenUrl ? false : "left out: it needs the preview with 32 beds of its own";
const BEDS = 32;
const MEASURED_MS = 8000;
// A frame at 60 Hz.
const FRAME_MS = 16;
const EMERGENCIES = 3;
// An emergency of the preview ends by itself after 15 s.
const OVER_MS = 30_000;
const SCREENS_STALLED = 8;
// The preview looks for wishes every 50 ms; the rest is server, stream and page.
const LIMIT_MS = 1000;
const all = Array.from({ length: BEDS }, (_, n) => n + 1);
let server, browser, page, origin;

before(async () => {
  if (skip) return;
  server = await startServer(["--beds", String(BEDS)]);
  browser = await startBrowser();
  const people = await peopleOf(server);
  origin = originOf(server.link);
  page = await signIn(browser, people.get("Dr A. Meyer"), { viewport: { width: 1920, height: 1080 }, prepare: alarmClock });
  await page.locator(`.tile[data-bed="${BEDS}"] [data-signal=heart-rate]:not(:text('---'))`).waitFor({ timeout: 60_000 });
  await page.waitForFunction((count) => document.querySelectorAll(".strip .trace[data-head-ms]").length === count, 2 * BEDS, { timeout: 30_000 });
});
after(async () => {
  await browser?.close();
  server?.signal("SIGKILL");
});

test("32 beds x 2 waves of the real server: script time per frame", { skip }, async (t) => {
  await page.waitForTimeout(2000);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const script = async () => (await client.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ScriptDuration").value;
  const start = await script();
  const frames = await page.evaluate(async (ms) => {
    let count = 0;
    for (const end = performance.now() + ms; performance.now() < end; count++) await new Promise(requestAnimationFrame);
    return count;
  }, MEASURED_MS);
  const perFrame = (1000 * ((await script()) - start)) / frames;
  t.diagnostic(`script ${perFrame.toFixed(2)} ms a frame; ${frames} frames in ${MEASURED_MS / 1000} s`);
  assert.ok(perFrame < FRAME_MS, `${perFrame} ms`);
});

test("a ward of 32 and every page of it: no serious finding", { skip }, async () => {
  await page.screenshot({ path: screenshotPath("preview-32"), animations: "disabled" });
  // Without the page of aggregates: the preview has none; that of the demonstration is looked at in journeys.test.mjs.
  for (const key of ["w", "1", "x", "u", "r", "d"]) {
    await page.keyboard.press(key);
    await page.waitForTimeout(1000);
    assert.deepEqual(await seriousFindings(page), [], `page of key ${key}`);
  }
  await page.keyboard.press("1");
  for (const tab of ["trends", "review", "limits"]) {
    await page.click(`#tab-${tab}`);
    await page.waitForTimeout(1000);
    assert.deepEqual(await seriousFindings(page), [], tab);
  }
  await page.keyboard.press("w");
  await page.locator(".tile").first().waitFor();
});

// Milliseconds from the wish to the flash in the tile of the first bed, with so many sockets that take nothing.
async function alarms(stalled) {
  const times = [];
  for (let n = 0; n < EMERGENCIES; n++) {
    const sockets = await Promise.all(Array.from({ length: stalled }, () => stalledWaves(page.context(), origin, all)));
    // What the server had to give at once has filled them by now.
    await page.waitForTimeout(2000);
    const known = await page.evaluate(() => window.bodywireFlashes.length);
    const wishedMs = await page.evaluate(async () => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const now = performance.timeOrigin + performance.now();
      await fetch("/api/v1/demo/emergency", { method: "POST", headers: { "x-bodywire-csrf": csrf, "idempotency-key": crypto.randomUUID() } });
      return now;
    });
    times.push((await nextFlash(page, known, 10_000)).atMs - wishedMs);
    for (const socket of sockets) socket.destroy();
    await page.locator(".tile .alarm.high.on .acknowledge").first().click();
    await calm(page, OVER_MS);
  }
  return summaryOf(times);
}

test("screens that take nothing do not delay an alarm on those that do", { skip }, async () => {
  const without = await alarms(0);
  const stalled = await alarms(SCREENS_STALLED);
  console.log(["| from the wish to the flash, 32 beds | alarms | median, ms | 95 %, ms | most, ms |", "|---|---|---|---|---|",
    rowOf("no stalled socket", without), rowOf(`${SCREENS_STALLED} wave sockets that take nothing`, stalled)].join("\n"));
  assert.ok(without.most < LIMIT_MS, `${without.most} ms without`);
  assert.ok(stalled.most < LIMIT_MS, `${stalled.most} ms with ${SCREENS_STALLED} stalled sockets`);
});

test("no console error or foreign request in all of this", { skip }, () => assert.deepEqual(page.complaints, []));
