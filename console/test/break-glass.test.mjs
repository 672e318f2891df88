// Break-glass: evidence, reason, code, banner with countdown on every page, closing card.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
const CODE = "314159";
let w, page, ward;

before(async () => {
  w = await openWard({ beds: 4, role: "emergency-responder", name: "Dr T. Lang", relations: { all: "none", 1: "treating" }, code: CODE }, {
    before: (made) => (made.beds.get(3).condition = "emergency"),
  });
  ({ page, ward } = w);
  await page.locator(".tile[data-bed='1'] [data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
});
after(() => w?.close());

const dialog = () => page.locator("dialog.glass-dialog");
const told = (text) => dialog().locator(".told", { hasText: text }).waitFor(SOON);
const submit = () => dialog().getByRole("button", { name: "Break glass" }).click();
const openDialog = async (bed) => {
  await page.getByRole("button", { name: `Break glass for Bed ${400 + bed}` }).click();
  await dialog().waitFor(SOON);
};

test("the dialog shows the evidence of an emergency before anything is opened, and says when there is none", async () => {
  await openDialog(3);
  await dialog().locator(".rho-value", { hasText: "0.41" }).waitFor(SOON);
  assert.match(await dialog().innerText(), /< 0\.80 threshold.*ventricular fibrillation.*comes with the access/s);
  await w.shot("break-glass-dialog");
  assert.deepEqual(await w.findings(), []);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  await openDialog(2);
  await dialog().getByText(/No emergency is shown.*Classes I and II open in any condition/).waitFor(SOON);
  await page.keyboard.press("Escape");
  assert.equal(ward.overrides.length, 0);
});

test("focus stays in the dialog, keys do nothing behind it, and Esc gives the focus back", async () => {
  ward.raise(1, { id: 41, priority: "high", text: "VENT TACHY" });
  await openDialog(3);
  for (let n = 0; n < 14; n++) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog").contains(document.activeElement)));
  }
  await dialog().getByRole("button", { name: "Cancel" }).focus();
  for (const key of ["a", "g", "2"]) await page.keyboard.press(key);
  assert.ok(await dialog().isVisible());
  assert.equal(ward.calls.filter(({ path }) => path.endsWith("acknowledge")).length, 0);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Break glass for Bed 403");
});

test("a lost server's red frame lies over the dialog, and what was typed is still there after it", async () => {
  await openDialog(3);
  await dialog().locator("textarea").fill("found without pulse");
  ward.silent = true;
  await page.getByText(/NO LIVE DATA since/).waitFor({ timeout: 7000 });
  assert.ok(await page.$eval(".lost-frame", (frame) => frame.matches(":popover-open")), "in the browser's top layer, above the dialog");
  await w.shot("break-glass-lost");
  ward.silent = false;
  await page.locator(".screen.live").waitFor({ timeout: 8000 });
  assert.equal(await dialog().locator("textarea").inputValue(), "found without pulse");
  await page.keyboard.press("Escape");
});

test("no reason, too few words, no code: nothing is sent", async () => {
  const asked = ward.requests.length;
  await openDialog(3);
  await submit();
  await told("Choose a reason.");
  await dialog().locator("select[name=reason]").selectOption("Other reason");
  await dialog().locator("textarea").fill("abc");
  await submit();
  await told("at least 5 characters");
  await dialog().locator("textarea").fill("found without pulse in the corridor");
  await submit();
  await told("Type the code of your card.");
  assert.equal(ward.requests.length, asked);
  assert.equal(await dialog().locator("textarea").getAttribute("maxlength"), "200");
});

test("a wrong code is said, the words stay, the code goes; the fifth locks", async () => {
  for (let n = 0; n < 5; n++) {
    await dialog().locator("[name=code]").fill("000000");
    await submit();
    await told("wrong code");
    assert.equal(await dialog().locator("[name=code]").inputValue(), "");
    await page.waitForTimeout(50);
  }
  await dialog().locator("[name=code]").fill(CODE);
  await submit();
  await told("locked for a minute");
  assert.equal(await dialog().locator("textarea").inputValue(), "found without pulse in the corridor");
  assert.equal(ward.overrides.length, 0);
  assert.ok(!(await page.content()).includes(CODE));
  await page.keyboard.press("Escape");
});

test("with reason and code it opens for 15 minutes; the banner counts down on every page", async () => {
  // The lock is the server's; here another one serves.
  await w.close();
  w = await openWard({ beds: 4, role: "emergency-responder", name: "Dr T. Lang", relations: { all: "none", 1: "treating" }, code: CODE }, {
    before(made) {
      made.beds.get(3).condition = "emergency";
      made.beds.get(3).alarms = [{ id: 51, condition: "asystole", priority: "high", state: "on", text: "ASYSTOLE", raised_at_ms: Date.now(), ended_at_ms: null, acknowledged: null, evidence: { rho: 0.41, threshold: 0.8, reason: "asystole" }, strip: true }];
    },
  });
  ({ page, ward } = w);
  await openDialog(3);
  await dialog().locator("select[name=reason]").selectOption("Resuscitation");
  await dialog().locator("textarea").fill("found without pulse");
  await dialog().locator("[name=code]").fill(CODE);
  await submit();
  await dialog().waitFor({ state: "detached" });
  await w.seen(".glass-banner .mine");
  const request = ward.requests.at(-1);
  assert.deepEqual([request.purpose, request.class, request.patient, request.text], ["break-glass", "II", 0n, "Resuscitation: found without pulse"]);
  assert.match(await page.innerText(".glass-banner"), /BREAK-GLASS OPEN\s*Bed 403\s*1[45]:\d\d left/);
  await page.locator(".tile[data-bed='3'] .override", { hasText: /BREAK-GLASS 1[45]:\d\d/ }).waitFor(SOON);
  await page.waitForTimeout(2500);
  await w.shot("break-glass-open-ward");
  assert.deepEqual(await w.findings(), []);
  for (const key of ["3", "x", "u", "r", "d", "g"]) {
    await page.keyboard.press(key);
    await page.waitForTimeout(150);
    assert.ok(await page.locator(".glass-banner .mine").isVisible(), `banner on ${page.url()}`);
  }
  await page.keyboard.press("3");
  await w.seen(".evidence-strip .strip-trace");
  const before = await page.innerText(".glass-banner .left");
  await page.waitForTimeout(1300);
  assert.notEqual(await page.innerText(".glass-banner .left"), before);
  await w.shot("break-glass-open-bed");
});

test("somebody else's break-glass is told, without a button", async () => {
  ward.overrides.push({ id: 900, bed: 2, label: "402", who: "N. Weber", until_ms: Date.now() + 600_000, mine: false });
  ward.tellGlass();
  const other = page.locator("[data-glass='900']");
  await other.waitFor(SOON);
  assert.match(await other.innerText(), /Break-glass\s*Bed 402\s*N\. Weber, until \d\d:\d\d:\d\d/);
  assert.equal(await other.locator("button").count(), 0);
});

test("closing it shows what was looked at and for how long, and the bed is closed", async () => {
  await page.getByRole("button", { name: "Close break-glass of Bed 403" }).click();
  const card = page.locator("dialog.closing-card");
  await card.waitFor(SOON);
  assert.match(await card.innerText(), /Bed 403: closed.*ECG, Heart rate, SpO₂.*\d+ seconds?/s);
  await w.shot("break-glass-closed");
  assert.deepEqual(await w.findings(), []);
  await card.getByRole("button", { name: "Done" }).click();
  await w.seen(".closed-view");
  assert.equal(await page.locator(".glass-banner .mine").count(), 0);
});

test("class III outside an emergency: it opens class II and says what is withheld", async () => {
  await page.keyboard.press("w");
  await openDialog(4);
  await dialog().locator("select[name=reason]").selectOption("Acute deterioration");
  await dialog().locator("select[name=scope]").selectOption({ label: "and Insulin pump (class III, in a detected emergency)" });
  await dialog().locator("[name=code]").fill(CODE);
  await submit();
  await page.locator(".glass-banner", { hasText: "withheld: no emergency" }).waitFor(SOON);
  assert.deepEqual([ward.requests.at(-1).class, ward.requests.at(-1).sensor, ward.requests.at(-1).text], ["III", 5, "Acute deterioration"]);
});

test("an override that runs out is gone by itself, banner and bed", async () => {
  const soon = Date.now() + 1500;
  ward.overrides = ward.overrides.map((open) => ({ ...open, until_ms: soon }));
  ward.beds.get(4).access.until_ms = soon;
  ward.tellGlass();
  ward.snapshot();
  await page.locator(".glass-banner").waitFor({ state: "detached", timeout: 5000 });
  await w.seen(".tile.is-closed[data-bed='4']");
  assert.deepEqual(page.complaints.filter((text) => !/status of (403|404|409)/.test(text)), []);
});
