// 32 beds with two waves each: what a frame costs, and how it looks on other screens.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openWard } from "./ward-page.mjs";

const MEASURED_MS = 8000;
// A frame at 60 Hz.
const FRAME_MS = 16;
let w, page;

before(async () => {
  w = await openWard({ beds: 32 }, {
    before(ward) {
      ward.raise(9, { id: 1, priority: "high", text: "VENT TACHY" });
      ward.raise(17, { id: 2, priority: "medium", text: "SpO2 84 < 90" });
      ward.raise(20, { id: 3, priority: "low", text: "TEMP 39.2 > 39" });
    },
  });
  ({ page } = w);
  await page.locator(".tile[data-bed='32'] [data-signal=heart-rate]:not(:text('---'))").waitFor({ timeout: 30_000 });
  await page.waitForFunction(() => document.querySelectorAll(".strip .trace[data-head-ms]").length === 64, null, { timeout: 30_000 });
});
after(() => w?.close());

test("32 beds x 2 waves: script time per frame", async (t) => {
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const script = async () => (await client.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ScriptDuration").value;
  const startScript = await script();
  const frames = await page.evaluate(async (ms) => {
    let count = 0;
    for (const end = performance.now() + ms; performance.now() < end; count++) await new Promise(requestAnimationFrame);
    return count;
  }, MEASURED_MS);
  const perFrame = (1000 * ((await script()) - startScript)) / frames;
  const drawing = await page.evaluate(() => bodywireFrameTimes.reduce((sum, ms) => sum + ms, 0) / bodywireFrameTimes.length);
  t.diagnostic(`script ${perFrame.toFixed(2)} ms a frame, of it drawing ${drawing.toFixed(2)} ms; ${frames} frames in ${MEASURED_MS / 1000} s`);
  assert.ok(perFrame < FRAME_MS, `${perFrame} ms`);
  assert.equal(w.ward.wavesOpen().length, 1);
  assert.equal(w.ward.wavesOpen()[0].length, 32);
});

test("other screens: nothing is wider than the screen, no serious finding", async () => {
  await w.shot("ward-32-1920x1080");
  assert.deepEqual(await w.findings(), []);
  for (const [width, height] of [[1280, 720], [390, 844], [3840, 2160]]) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(1500);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px wide at ${width}`);
    await w.shot(`ward-32-${width}x${height}`);
    assert.deepEqual(await w.findings(), []);
  }
  assert.deepEqual(page.complaints, []);
});
