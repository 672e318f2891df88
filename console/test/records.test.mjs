// Audit with proofs, the queue of reviews, devices, and what a patient sees of all that.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openWard } from "./ward-page.mjs";

const SOON = { timeout: 6000 };
let w, page, ward;

before(async () => {
  w = await openWard({ beds: 4, role: "consultant", name: "Prof. K. Berg" });
  ({ page, ward } = w);
  await page.keyboard.press("u");
  await w.seen(".records.audit tbody tr");
});
after(() => w?.close());

const rows = () => page.locator(".records.audit tbody tr").allInnerTexts();
const asked = () => page.waitForRequest((request) => request.url().includes("/api/v1/audit?"));

test("the audit lists the newest entries; Older goes on where they end", async () => {
  assert.equal((await rows()).length, 50);
  assert.match((await rows())[0], /^500\b.*access given\s*Dr A\. Meyer, physician\s*401\s*treatment\s*II/s);
  const request = asked();
  await page.click(".older");
  assert.match((await request).url(), /before=451/);
  await page.waitForFunction(() => document.querySelectorAll(".records.audit tbody tr").length === 70, null, SOON);
  assert.equal(await page.locator(".older").count(), 0);
  await w.shot("audit");
  assert.deepEqual(await w.findings(), []);
});

test("filters: bed, person, purpose and kind", async () => {
  await page.selectOption(".query select[name=kind]", "override-start");
  await page.waitForFunction(() => document.querySelectorAll(".records.audit tbody tr").length === 10, null, SOON);
  const request = asked();
  await page.selectOption(".query select[name=person]", { label: "N. Weber" });
  assert.match((await request).url(), new RegExp(`person=${"b2".repeat(16)}&kind=override-start`));
  await page.selectOption(".query select[name=bed]", "1");
  await page.selectOption(".query select[name=purpose]", "review");
  await page.getByText("No entry.").waitFor(SOON);
  for (const name of ["kind", "person", "bed", "purpose"]) await page.selectOption(`.query select[name=${name}]`, "");
  await page.waitForFunction(() => document.querySelectorAll(".records.audit tbody tr").length === 50, null, SOON);
});

test("Prove downloads the entry's proof and shows the command that checks it", async () => {
  const first = page.locator(".records.audit tbody tr").first();
  const download = page.waitForEvent("download");
  await first.getByRole("button", { name: "Prove" }).click();
  const file = await download;
  assert.equal(file.suggestedFilename(), "entry-500.proof");
  assert.equal(readFileSync(await file.path(), "utf8"), "proof of entry 500\n");
  assert.equal(await first.locator(".check").innerText(), "bodywire ledger check entry-500.proof --key ed25519:5f1c");
  await w.shot("audit-proved");
  const read = page.locator(".records.audit tr.read").first();
  assert.equal(await read.locator("button").count(), 0, "an entry without a proof has no button");
});

test("reviews: accept or question with a note, never one's own", async () => {
  ward.reviews.push({ ...ward.reviews[0], id: 8, who: "Prof. K. Berg" });
  await page.keyboard.press("r");
  await w.seen("[data-review='7'] .verdict-form");
  const card = page.locator("[data-review='7']");
  for (const part of [/Bed 403: Dr T\. Lang, emergency responder/, /found without pulse/, /ECG, Heart rate, SpO₂, 312 seconds/, /ventricular fibrillation, ρ 0\.41/]) assert.match(await card.innerText(), part);
  assert.match(await page.locator("[data-review='8']").innerText(), /Your own: a second person reviews it/);
  assert.match(await page.locator("[data-review='6']").innerText(), /accepted.*Withheld\s*no emergency.*Prof\. K\. Berg.*rota confirms/s);
  await w.shot("reviews");
  assert.deepEqual(await w.findings(), []);
  await card.getByRole("button", { name: "Question" }).click();
  await card.locator(".told", { hasText: "Say in the note" }).waitFor(SOON);
  await card.locator("input").fill("no entry in the rota");
  await card.getByRole("button", { name: "Question" }).click();
  await page.locator("[data-review='7'].questioned").waitFor(SOON);
  assert.deepEqual(ward.calls.at(-1), { method: "POST", path: "reviews/7", body: { verdict: "questioned", note: "no entry in the rota" } });
});

test("devices: what is enrolled, how good it is, which pool is low and what is revoked", async () => {
  await page.keyboard.press("d");
  await w.seen(".records.devices");
  assert.equal(await page.locator(".records.devices").count(), 4);
  const sensor = (number) => page.locator(".records.devices").first().locator(`[data-sensor='${number}']`);
  assert.match(await page.locator(".records.devices caption").first().innerText(), /Bed 401, hub 8f3a90c1d2e4b576/);
  assert.match(await sensor(5).innerText(), /insulin-5\s*Insulin pump\s*III.*97\.6 %.*50\.3 %.*49\.8 %.*18 912 of 20 000.*✓ 2 min ago.*given/s);
  assert.match(await sensor(2).innerText(), /800 of 20 000 ▲ enrol anew/);
  assert.match(await sensor(4).innerText(), /revoked/);
  await w.shot("devices");
  assert.deepEqual(await w.findings(), []);
});

test("who neither reviews nor consults sees the queue without buttons", async () => {
  const nurse = await openWard({ beds: 2, role: "nurse", highest: "II", name: "N. Roth" });
  await nurse.page.keyboard.press("r");
  await nurse.seen("[data-review='7']");
  assert.equal(await nurse.page.locator(".verdict-form").count(), 0);
  await nurse.close();
});

test("a patient reads sentences: who looked at what, and can prove each", async () => {
  const mine = await openWard({ beds: 1, role: "patient", highest: "III", name: "H. Tanaka", relations: { all: "own" } });
  await mine.page.locator("[data-signal=heart-rate]:not(:text('---'))").waitFor(SOON);
  assert.equal(await mine.page.locator("button.glass").count(), 0);
  assert.deepEqual(await mine.page.locator(".pages a").allInnerTexts(), ["Bed (B)", "Access (X)", "Who looked (U)"]);
  await mine.page.keyboard.press("r");
  await mine.seen(".sentences li");
  const sentences = await mine.page.locator(".sentences li").allInnerTexts();
  assert.match(sentences[0], /^On \d+ \w+ \d{4}, \d\d:\d\d:\d\d Dr A\. Meyer \(physician\) was given access to your ECG, heart rate, SpO₂, respiration and temperature, for treatment\./);
  assert.match(sentences[1], /N\. Weber \(nurse\) looked at ECG, Heart rate, SpO₂\./);
  assert.match(sentences[2], /Dr T\. Lang \(emergency responder\) asked for access and was refused: no relation\./);
  assert.match(sentences[3], /broke the glass and opened your .* without being on your list; a second person reviews it\./);
  assert.match(await mine.page.title(), /^Who looked at my data/);
  await mine.shot("patient-who-looked");
  assert.deepEqual(await mine.findings(), []);
  const download = mine.page.waitForEvent("download");
  await mine.page.locator(".sentences button").first().click();
  assert.equal((await download).suggestedFilename(), "entry-500.proof");
  assert.deepEqual(mine.page.complaints, []);
  await mine.close();
});

test("a server that cannot tell says so, and nothing stands there as if it were complete", async () => {
  await page.route("**/api/v1/audit*", (route) => route.fulfill({ status: 503, json: { error: "The ledger is out of reach. Ask again in a minute." } }));
  await page.keyboard.press("u");
  await page.locator(".audit-foot .notice", { hasText: "The ledger is out of reach" }).waitFor(SOON);
  assert.equal((await rows()).length, 0);
  assert.equal(await page.getByText("No entry.").count(), 0);
  assert.deepEqual(page.complaints.filter((text) => !/status of 503/.test(text)), []);
});
