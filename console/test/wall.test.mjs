// A screen on the wall: the grid, large numbers, nothing to press.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
let w, page, ward;

before(async () => {
  w = await openWard({ beds: 8, wall: true, certificate: false, role: null, highest: null, name: "Wall 4B" }, {
    before(made) {
      for (const bed of made.beds.values()) bed.access = { id: bed.bed, class: "II", purpose: "treatment", from_ms: Date.now(), until_ms: Date.now() + 3_600_000, override: false, withheld: null, waiting: false, sensor: null };
      made.beds.get(7).access = null;
      made.raise(3, { id: 3, priority: "high", text: "VENT TACHY" });
      made.raise(7, { id: 7, priority: "medium", text: "HR 128 > 120" });
    },
  });
  ({ page, ward } = w);
  await page.locator(".tile[data-bed='8'] [data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
});
after(() => w?.close());

test("only the grid: no button, no field, no link to another page; alarms without their button", async () => {
  assert.equal(await page.locator("button, input, select, .pages").count(), 0);
  assert.match(await w.tile(3).innerText(), /\*\*\* VENT TACHY/);
  assert.match(await w.tile(7).innerText(), /\*\* MEDIUM ALARM.*Closed/s);
  await page.waitForTimeout(4000);
  await w.shot("wall");
  assert.deepEqual(await w.findings(), []);
});

test("its numbers are larger than those of the ward's page", async () => {
  const size = (other) => other.$eval(".tile .heart-rate .value", (value) => parseFloat(getComputedStyle(value).fontSize));
  const desk = await openWard({ beds: 8 });
  await desk.seen(".tile .heart-rate .value");
  assert.ok((await size(page)) > 1.2 * (await size(desk.page)));
  await desk.close();
});

test("1 to 9 open a bed without its panels, W comes back; no other key does anything", async () => {
  await page.keyboard.press("2");
  await w.seen(".bed-view .numerics");
  assert.equal(await page.locator(".panels, button").count(), 0);
  await w.shot("wall-bed");
  await page.keyboard.press("w");
  await w.seen("main.ward");
  for (const key of ["a", "p", "u", "x", "g", "b", "f", "d", "r", "/"]) await page.keyboard.press(key);
  await page.waitForTimeout(300);
  assert.ok(await page.locator("main.ward").isVisible());
  await page.evaluate(() => (location.hash = "audit"));
  await page.waitForTimeout(300);
  assert.ok(await page.locator("main.ward").isVisible(), "an address does not lead elsewhere either");
  assert.deepEqual(ward.calls, [], "it sends nothing");
  assert.deepEqual(page.complaints, []);
});
