// The ways through the gate, walked in the real demonstration: one process, a browser context for each person, in the order in
// which things happen. The pictures are those of docs/journeys.md.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { seriousFindings } from "./accessibility.mjs";
import { binary, leftOut, startDemo } from "./demo-bed.mjs";
import { peopleOf, signIn } from "./demo-people.mjs";
import { glassClock, untilFirst } from "./glass-clock.mjs";
import { screenshotPath } from "./harness.mjs";

const skip = leftOut(!binary, "BODYWIRE_BIN, the built program");
const SOON = { timeout: 8000 };
// A sensor authenticates anew, its consent travels with the reports; the hub hears of a request in ten seconds at the worst.
const CONSENT = { timeout: 25_000 };
const ALARM = { timeout: 15_000 };
// From the answer to the first wave and number on the screen: an emergency waits for no page.
const FIRST_MS = 1000;
const REASON = "Resuscitation";
const WORDS = "found without pulse, first at the bed";

let demo, browser, people;
const files = mkdtempSync(join(tmpdir(), "bodywire-proofs-"));
const at = {};

before(async () => {
  if (skip) return;
  demo = await startDemo(["--emergency-at", "never"]);
  browser = demo.browser;
  people = await peopleOf(demo.server);
});
after(async () => {
  await demo?.close();
  rmSync(files, { recursive: true, force: true });
});

async function shot(page, name) {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: screenshotPath(`journey-${name}`), animations: "disabled" });
}
const value = (page, signal) => page.locator(`[data-signal=${signal}]:not(:text('---'))`);
const step = (page, name, state) => page.locator(`.steps [data-step=${name}].${state}`);
const stepText = (page, name) => page.innerText(`.steps [data-step=${name}] .step-text`);

// Pairs of the pump that are left, by the page of devices.
async function pairsLeft(page) {
  await page.keyboard.press("d");
  const cell = page.locator(".devices tr", { hasText: "insulin" }).locator("td", { hasText: / of / });
  await cell.waitFor(SOON);
  return Number(/^([\d ]+) of/.exec(await cell.innerText())[1].replaceAll(" ", ""));
}

async function proved(page, row) {
  const download = page.waitForEvent("download");
  await row.getByRole("button", { name: "Prove" }).click();
  const file = await download;
  const path = join(files, file.suggestedFilename());
  await file.saveAs(path);
  return { path, command: await row.locator(".check").innerText() };
}

// Runs the command that the page shows, on the file that it has downloaded; gives its exit code.
function check(command, path) {
  const words = command.split(" ");
  assert.deepEqual(words.slice(0, 3), ["bodywire", "ledger", "check"]);
  return new Promise((resolve) => {
    execFile(binary, ["ledger", "check", path, ...words.slice(4)], (error, out, said) => resolve({ code: error?.code ?? 0, out, said }));
  });
}

test("the physician who treats has class II without a click, and it is on record", { skip }, async () => {
  at.meyer = await signIn(browser, people.get("Dr A. Meyer"));
  await value(at.meyer, "heart-rate").waitFor({ timeout: 30_000 });
  await at.meyer.waitForFunction(() => Number(document.querySelector(".strip.ecg .trace")?.dataset.headMs) > 0);
  assert.match(await at.meyer.innerText(".card.access .grant"), /Class II for treatment until \d\d:\d\d:\d\d/);
  assert.equal(await at.meyer.innerText("[data-signal=pump-rate]"), "---");
  await at.meyer.waitForTimeout(5000);
  await shot(at.meyer, "1-class-two");
  await at.meyer.keyboard.press("x");
  await at.meyer.getByText(/On record in entry \d+ of the ledger/).waitFor(SOON);
  for (const name of ["you", "house", "relation", "class", "answer"]) assert.equal(await step(at.meyer, name, "done").count(), 1, name);
});

test("class III: the sensor authenticates anew and consents, for one pair; then the pump's value is there", { skip }, async (t) => {
  const before = await pairsLeft(at.meyer);
  await at.meyer.keyboard.press("x");
  const start = performance.now();
  await at.meyer.click("[data-sealed]");
  await step(at.meyer, "sensor", "waiting").waitFor(SOON);
  await shot(at.meyer, "2-asking-the-pump");
  await step(at.meyer, "sensor", "done").waitFor(CONSENT);
  t.diagnostic(`from the click to the sensor's consent: ${(performance.now() - start).toFixed(0)} ms; "${await stepText(at.meyer, "sensor")}"`);
  await at.meyer.getByText("Class III for treatment").waitFor(SOON);
  await shot(at.meyer, "3-the-pump-consents");
  await at.meyer.keyboard.press("b");
  await value(at.meyer, "pump-rate").waitFor(CONSENT);
  await shot(at.meyer, "4-class-three");
  assert.equal(before - (await pairsLeft(at.meyer)), 1, "one pair of challenge and response");
  await at.meyer.keyboard.press("b");
});

test("no relation, no data: refused with the offer to break the glass", { skip }, async () => {
  at.lima = await signIn(browser, people.get("Dr B. Lima"), { prepare: glassClock });
  await at.lima.getByText("Closed for you").waitFor(SOON);
  assert.equal(await at.lima.locator(".numeric, .strip").count(), 0);
  await shot(at.lima, "5-closed");
  await at.lima.getByRole("button", { name: "Ask for access" }).click();
  await at.lima.locator(".refusal", { hasText: "Refused: no relation." }).waitFor(SOON);
  await at.lima.locator(".refusal .glass").waitFor(SOON);
  assert.equal(await step(at.lima, "relation", "failed").count(), 1);
  await shot(at.lima, "6-refused");
  await at.lima.keyboard.press("b");
});

test("the nurse who treats has class II; the policy refuses class III, and nobody asks the sensor", { skip }, async () => {
  at.nurse = await signIn(browser, people.get("S. Ode"));
  await value(at.nurse, "heart-rate").waitFor(SOON);
  await at.nurse.click(".card.access [data-sealed]");
  await at.nurse.locator(".refusal", { hasText: "Refused: class not allowed." }).waitFor(SOON);
  assert.equal(await step(at.nurse, "class", "failed").count(), 1);
  assert.equal(await step(at.nurse, "sensor", "skipped").count(), 1);
  await shot(at.nurse, "7-refused-by-policy");
});

test("an emergency; a wrong code opens nothing", { skip }, async () => {
  await at.meyer.click("[data-demo=emergency]");
  await at.meyer.locator(".alarm.high.on").waitFor(ALARM);
  // All that somebody without a grant sees of it is that there is an alarm of high priority.
  const redacted = at.lima.locator(".alarm.high.on");
  await redacted.waitFor(SOON);
  assert.match(await redacted.innerText(), /^\*\*\* HIGH ALARM/);
  await at.lima.getByRole("button", { name: "Break glass" }).click();
  await at.lima.locator(".glass-dialog .glass-evidence.bad").waitFor(SOON);
  await at.lima.selectOption(".glass-dialog select[name=reason]", REASON);
  await at.lima.fill(".glass-dialog textarea", WORDS);
  const right = people.get("Dr B. Lima").code;
  await at.lima.fill(".glass-dialog [name=code]", right === "000000" ? "000001" : "000000");
  await at.lima.click(".glass-dialog button[type=submit]");
  await at.lima.locator(".glass-dialog .told", { hasText: "code" }).waitFor(SOON);
  assert.equal(await at.lima.locator(".numeric").count(), 0);
  await shot(at.lima, "8-wrong-code");
});

test("break-glass: reason, signature and code open the bed in less than a second; every screen says so", { skip }, async (t) => {
  await at.lima.fill(".glass-dialog [name=code]", people.get("Dr B. Lima").code);
  await at.lima.click(".glass-dialog button[type=submit]");
  await value(at.lima, "heart-rate").or(value(at.lima, "spo2")).first().waitFor(SOON);
  const first = await untilFirst(at.lima);
  t.diagnostic(`break-glass: from the decision's answer to the first number ${first.number.toFixed(0)} ms, to the first wave ${first.wave.toFixed(0)} ms; the answer took ${first.answer.toFixed(0)} ms`);
  assert.ok(first.number < FIRST_MS && first.wave < FIRST_MS, JSON.stringify(first));
  await at.lima.locator(".glass-banner .mine", { hasText: "BREAK-GLASS OPEN" }).waitFor(SOON);
  await at.lima.locator(".alarm.high", { hasText: "FIBRILLATION" }).or(at.lima.locator(".alarm.high", { hasText: "ECG" })).first().waitFor(SOON);
  await at.meyer.locator(".glass-banner", { hasText: "Dr B. Lima" }).waitFor(SOON);
  assert.equal(await at.meyer.locator(".glass-banner .mine").count(), 0);
  await at.lima.waitForTimeout(3000);
  await shot(at.lima, "9-glass-open");
  await shot(at.meyer, "10-banner-elsewhere");
});

test("closing it: a card says what was looked at, and the bed is closed at once", { skip }, async () => {
  await at.lima.getByRole("button", { name: /^Close break-glass of/ }).click();
  const card = at.lima.locator(".closing-card");
  await card.waitFor(SOON);
  assert.match(await card.innerText(), /Looked at\s+the live view/);
  await shot(at.lima, "11-closing-card");
  await card.getByRole("button", { name: "Done" }).click();
  await at.lima.getByText("Closed for you").waitFor(SOON);
  assert.equal(await at.lima.locator(".numeric, .strip").count(), 0);
  await at.meyer.locator(".glass-banner").waitFor({ state: "detached", ...SOON });
});

test("the review: not by oneself; by a second person, with a note", { skip }, async () => {
  await at.lima.keyboard.press("r");
  const own = at.lima.locator(".review.waiting");
  await own.getByText("Your own: a second person reviews it.").waitFor(SOON);
  assert.equal(await own.getByRole("button").count(), 0);
  const status = await at.lima.evaluate(async () => {
    const { csrf } = await (await fetch("/api/v1/session")).json();
    const { reviews } = await (await fetch("/api/v1/reviews")).json();
    const headers = { "content-type": "application/json", "x-bodywire-csrf": csrf, "idempotency-key": crypto.randomUUID() };
    return (await fetch(`/api/v1/reviews/${reviews[0].id}`, { method: "POST", headers, body: JSON.stringify({ verdict: "accepted", note: "" }) })).status;
  });
  assert.equal(status, 403, "what the page does not offer the server refuses");
  at.lima.complaints = at.lima.complaints.filter((text) => !text.includes("403"));
  at.reviewer = await signIn(browser, people.get("R. Viewer"));
  await at.reviewer.keyboard.press("r");
  const card = at.reviewer.locator(".review.waiting");
  await card.waitFor(SOON);
  const text = await card.innerText();
  assert.match(text, /Dr B\. Lima, physician/);
  assert.ok(text.includes(`${REASON}: ${WORDS}`));
  assert.match(text, /Condition\s+emergency/);
  await card.locator("input").fill("seen by two, resuscitation");
  await shot(at.reviewer, "12-review");
  await card.getByRole("button", { name: "Accept" }).click();
  await at.reviewer.locator(".review.accepted", { hasText: "R. Viewer" }).waitFor(SOON);
});

test("the patient reads who looked", { skip }, async () => {
  at.patient = await signIn(browser, people.get("Test patient"));
  await at.patient.keyboard.press("u");
  const said = (text) => at.patient.locator(".sentences li", { hasText: text }).first().waitFor(SOON);
  await said(/Dr B\. Lima \(physician\) broke the glass/);
  await said(/Dr A\. Meyer \(physician\) was given access/);
  await said(/R\. Viewer \(reviewer\) reviewed/);
  await shot(at.patient, "13-who-looked");
});

test("Prove downloads a proof that anybody can check; a changed one fails", { skip }, async () => {
  await at.reviewer.keyboard.press("u");
  const row = at.reviewer.locator(".records.audit tr.override-start").first();
  await row.waitFor(SOON);
  const { path, command } = await proved(at.reviewer, row);
  await shot(at.reviewer, "14-proof");
  const good = await check(command, path);
  assert.equal(good.code, 0, good.said);
  assert.match(good.out, /verified/i);
  const lines = readFileSync(path, "utf8").split("\n");
  // One character of the entry that the proof carries.
  const extra = lines.findIndex((line) => line.startsWith("extra "));
  const middle = Math.floor(lines[extra].length / 2);
  lines[extra] = `${lines[extra].slice(0, middle)}${lines[extra][middle] === "A" ? "B" : "A"}${lines[extra].slice(middle + 1)}`;
  const changed = join(files, "changed.proof");
  writeFileSync(changed, lines.join("\n"));
  const bad = await check(command, changed);
  assert.equal(bad.code, 3, `${bad.out}${bad.said}`);
  const patients = await proved(at.patient, at.patient.locator(".sentences li", { hasText: "broke the glass" }).first());
  assert.equal((await check(patients.command, patients.path)).code, 0);
});

test("every page of everybody is clean for axe, and nobody's browser complained", { skip }, async () => {
  for (const [name, page] of Object.entries(at)) {
    for (const key of ["b", "x", "u", "r", "d", "g"]) {
      await page.keyboard.press(key);
      await page.waitForTimeout(400);
      assert.deepEqual(await seriousFindings(page), [], `${name}, ${key}`);
    }
    // A refusal is a 403, which Chromium writes to its console.
    const complaints = page.complaints.filter((text) => !/status of 40[34]/.test(text));
    assert.deepEqual(complaints, [], name);
  }
});
