// Asking for access: the steps of the decision, what the sensor says, refusals and the offer after them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
const steps = (page) => page.$$eval(".steps li", (items) => items.map((item) => `${item.dataset.step} ${item.className}`));
const ALL = ["you", "house", "relation", "class", "condition", "sensor", "answer"];

test("class III: the house asks the sensor, class II is open meanwhile, then the pump opens", async () => {
  const { ward, page, seen, shot, findings, close } = await openWard({ beds: 2 }, { before: (made) => (made.sensorMs = 2500) });
  await page.keyboard.press("1");
  await page.click(".card.access [data-sealed=insulin-5]");
  await seen("[data-step=sensor].waiting");
  assert.equal(new URL(page.url()).hash, "#access/1");
  assert.match(await page.innerText(".access-columns"), /Class III of insulin-5 for treatment/);
  assert.match(await page.innerText("[data-step=you]"), /Dr A\. Meyer, physician, up to class III/);
  assert.match(await page.innerText(".access-columns"), /class II is open meanwhile/);
  assert.deepEqual(await steps(page), ["you done", "house done", "relation done", "class done", "condition done", "sensor waiting", "answer waiting"]);
  await shot("access-asking-sensor");
  assert.deepEqual(await findings(), []);
  const request = ward.requests.find((asked) => asked.class === "III");
  assert.deepEqual([request.class, request.sensor, request.bed, request.purpose, request.patient], ["III", 5, 1, "treatment", (1n << 60n) + 1n]);
  await page.locator("[data-step=sensor].done", { hasText: "PUF both ways, 3.2 ms" }).waitFor(SOON);
  await seen("[data-step=answer].done");
  await page.locator(".grant", { hasText: "Class III" }).waitFor(SOON);
  assert.equal(await page.locator("[data-sealed]").count(), 0);
  await shot("access-granted");
  await page.getByRole("button", { name: "Show Bed 401" }).click();
  await page.locator("[data-signal=pump-rate]:not(:text('---'))").waitFor(SOON);
  assert.deepEqual(page.complaints, []);
  await close();
});

test("a sensor that does not consent leaves class II", async () => {
  const { page, seen, close } = await openWard({ beds: 1 }, { before: (made) => (made.sensorConsents = false) });
  await page.click(".card.access [data-sealed=insulin-5]");
  await page.locator("[data-step=sensor].failed", { hasText: "the sensor did not consent" }).waitFor(SOON);
  await page.locator(".grant", { hasText: "Class II" }).waitFor(SOON);
  await seen("[data-sealed=insulin-5]:not([disabled])");
  await close();
});

test("a step that arrives before its answer is not lost", async () => {
  const { page, ward, seen, close } = await openWard({ beds: 1 }, { before: (made) => (made.sensorMs = 0) });
  await page.route("**/api/v1/access", async (route) => {
    const response = await route.fetch();
    await new Promise((resolve) => setTimeout(resolve, 800));
    await route.fulfill({ response });
  });
  await page.locator("[data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
  await page.click(".card.access [data-sealed=insulin-5]");
  await seen("[data-step=sensor].done");
  assert.equal(ward.requests.at(-1).class, "III");
  await close();
});

test("no relation: the reason, the steps until there, and one offer", async () => {
  const { ward, page, seen, shot, findings, close } = await openWard({ beds: 3, relations: { 2: "none" } });
  await page.locator(".tile[data-bed='2']").getByRole("button", { name: "Ask for access to Bed 402" }).click();
  await seen(".refusal");
  assert.deepEqual([ward.requests.at(-1).purpose, ward.requests.at(-1).patient], ["emergency-treatment", 0n]);
  assert.match(await page.innerText(".refusal"), /Refused: no relation\. You are not on this patient's list/);
  const found = await steps(page);
  assert.deepEqual(found.map((step) => step.split(" ")[0]), ALL);
  assert.deepEqual(found.slice(2), ["relation failed", "class skipped", "condition skipped", "sensor skipped", "answer failed"]);
  assert.equal(await page.locator("main button.glass").count(), 1);
  await shot("access-refused");
  assert.deepEqual(await findings(), []);
  await page.locator(".refusal button").click();
  await seen("dialog.glass-dialog");
  await page.keyboard.press("Escape");
  assert.equal(ward.beds.get(2).access, null);
  assert.deepEqual(page.complaints.filter((text) => !/status of (403|409)/.test(text)), []);
  await close();
});

test("no offer where the answer makes none: a nurse of class II asks for class III and may break the glass, a reviewer may not", async () => {
  const nurse = await openWard({ beds: 1, role: "nurse", highest: "II", name: "N. Weber" });
  await nurse.page.click(".card.access [data-sealed=insulin-5]");
  await nurse.seen(".refusal");
  assert.match(await nurse.page.innerText(".refusal"), /class above certificate/);
  assert.equal(await nurse.page.locator(".refusal .glass").count(), 1);
  await nurse.close();
  const reviewer = await openWard({ beds: 1, role: "reviewer", highest: "II", relations: { all: "none" } });
  await reviewer.seen(".closed");
  await reviewer.page.waitForTimeout(300);
  // Without a relation there is nothing that a reviewer can ask for.
  assert.equal(await reviewer.page.locator(".closed button, button.glass").count(), 0);
  await reviewer.close();
});

test("an answer that never comes, and one that is no decision, are said", async () => {
  const { page, close } = await openWard({ beds: 1, relations: { all: "none" } });
  await page.route("**/api/v1/access/challenge", (route) => route.abort());
  await page.locator(".closed").getByRole("button", { name: "Ask for access" }).click();
  await page.locator(".notice.bad", { hasText: "the server does not answer" }).waitFor(SOON);
  await page.unroute("**/api/v1/access/challenge");
  await page.route("**/api/v1/access/challenge", (route) => route.fulfill({ status: 200, body: '{"challenge":"00"}' }));
  await page.keyboard.press("b");
  await page.locator(".closed").getByRole("button", { name: "Ask for access" }).click();
  await page.locator(".notice.bad", { hasText: "The server sent no 16 bytes" }).waitFor(SOON);
  await close();
});
