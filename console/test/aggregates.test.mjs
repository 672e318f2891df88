// The aggregates page with a server that answers as the test wants (fake-clinic.mjs).
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { seriousFindings } from "./accessibility.mjs";
import { CSRF, startFakeClinic } from "./fake-clinic.mjs";
import { listen, screenshotPath, startBrowser } from "./harness.mjs";

const SOON_MS = 5000;
const NOW = Date.now();
const HOUR_MS = 3_600_000;
const OLDEST = NOW - 24 * HOUR_MS;
const STANDING = {
  signals: [
    { name: "heart-rate", unit: "/min" }, { name: "spo2", unit: "%" }, { name: "respiration", unit: "/min" },
    { name: "temperature", unit: "Cel" },
  ],
  cohort_min: 5, queries_per_day: 200, queries_left: 198, replicas: 3, vectors: 288, oldest_ms: OLDEST, newest_ms: NOW,
  window_ms: HOUR_MS, simulated: true, key: "0123456789abcdef0123456789abcdef",
};
const ALARM = {
  id: 7, condition: "ventricular-tachycardia", priority: "high", state: "on", text: "VENT TACHY", raised_at_ms: NOW,
  ended_at_ms: null, acknowledged: null, evidence: null, strip: false,
};
const answerTo = (question, result, more = {}) => ({
  answer: {
    function: question.function, signal: question.signal, unit: question.signal === "temperature" ? "Cel" : "/min",
    from_ms: OLDEST, to_ms: NOW, windows: 24, patients: 12, vectors: 288, readings: 17000, outside: 3, simulated: true, result,
    replicas: [
      { number: 1, state: "agreed" }, { number: 2, state: "away" },
      { number: 3, state: "lying", why: "it answers with another sum" },
    ],
    seen: { vectors: 288, bytes: 18_900_000, sha256: "9f".repeat(32), ciphertext: "0badc0de".repeat(16) },
    rechecked: { vectors: 12 }, audit: { query: 1234, result: 1236 }, evaluate_ms: 812, decrypt_ms: 1, ...more,
  },
});

let clinic, browser, page;

before(async () => {
  clinic = await startFakeClinic();
  clinic.standing = STANDING;
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1600, height: 900 } });
  page = listen(await context.newPage(), clinic.origin);
  // Waves are not looked at here: a socket that says nothing.
  await page.routeWebSocket(/\/api\/v1\/wave\?/, () => {});
  await page.goto(clinic.origin);
  await page.locator(".screen.live").waitFor();
});
beforeEach(() => {
  clinic.onQuestion = (question, reply) => {
    reply.line(answerTo(question, { mean: 78.4 }));
    reply.end();
  };
});
after(async () => {
  await browser?.close();
  clinic?.close();
});

const choose = (name, value) => page.selectOption(`.query select[name=${name}]`, value);
const askFor = () => page.click(".query .run");
const seen = (selector) => page.locator(selector).waitFor({ timeout: SOON_MS });
const replyWith = (result, more) => {
  clinic.onQuestion = (question, reply) => {
    reply.line(answerTo(question, result, more));
    reply.end();
  };
};

test("the bed is the first page; key G turns to the aggregates, key B and the link back", async () => {
  assert.equal(await page.locator("main.aggregates").count(), 0);
  assert.equal(await page.locator(".pages a[aria-current]").innerText(), "Bed (B)");
  await page.keyboard.press("g");
  await seen("main.aggregates h1:focus");
  assert.equal(new URL(page.url()).hash, "#aggregates");
  assert.match(await page.title(), /^Aggregates/);
  await page.keyboard.press("b");
  await seen(".waves");
  assert.equal(await page.title(), "BodyWire console");
  await page.click(".pages a[href='#aggregates']");
  await seen("main.aggregates");
  await page.reload();
  await seen("main.aggregates");
});

test("policy and number of vectors stand on the page", async () => {
  const policy = await page.innerText(".policy");
  for (const part of [/288 of 1 h/, /5 patients/, /198 of 200/, /Replicas\s+3/]) assert.match(policy, part);
});

test("a mean: what the replicas saw beside what the clinic learnt, and a replica that lies", async () => {
  await askFor();
  await seen(".learnt .large");
  assert.deepEqual(clinic.questions.at(-1), { function: "mean", signal: "heart-rate", from_ms: OLDEST, to_ms: NOW });
  assert.equal(clinic.csrf.at(-1), CSRF);
  assert.match(await page.innerText(".learnt .headline"), /^78\.4 \/min mean of Heart rate$/);
  const learnt = await page.innerText(".learnt");
  for (const part of [/SIMULATED/, /17 000/, /12/, /24/, /3 readings, in no figure/, /at least 5 patients/]) assert.match(learnt, part);
  assert.match(await page.innerText(".seen"), /288 encrypted vectors, 18\.9 MB/);
  assert.equal((await page.innerText(".ciphertext")).replace(/[^0-9a-f]/g, ""), "0badc0de".repeat(16));
  assert.equal(await page.innerText(".seen .hash"), "9f".repeat(32));
  assert.match(await page.innerText("[data-replica='1']"), /agreed/);
  assert.match(await page.innerText("[data-replica='2']"), /away/);
  assert.match(await page.innerText("[data-replica='3'].lying"), /lying\s+it answers with another sum/);
  assert.match(await page.innerText(".on-record"), /entry 1 234.*entry 1 236.*812 ms.*1 ms/s);
  await page.screenshot({ path: screenshotPath("aggregates-mean") });
  assert.deepEqual(await seriousFindings(page), []);
});

test("without readings beyond the scale and without simulated ones nothing is said of them", async () => {
  replyWith({ mean: null }, { outside: 0, simulated: false });
  await askFor();
  await page.locator(".learnt .large", { hasText: "no reading" }).waitFor({ timeout: SOON_MS });
  assert.equal(await page.locator(".learnt .outside, .learnt .pill.test").count(), 0);
});

test("progress arrives in pieces; the old answer is gone while a new one is computed", async () => {
  let reply;
  clinic.onQuestion = (question, given) => (reply = given);
  await askFor();
  await seen(".progress");
  assert.equal(await page.locator(".learnt").count(), 0);
  while (!reply) await page.waitForTimeout(20);
  reply.raw('{"progress":{"done":10');
  await page.waitForTimeout(50);
  reply.raw('24,"of":24000}}\n{"pro');
  await page.getByText("1 024 of 24 000 vectors added up").waitFor({ timeout: SOON_MS });
  assert.deepEqual(await page.$eval("progress", ({ value, max }) => [value, max]), [1024, 24000]);
  assert.deepEqual(await seriousFindings(page), []);
  reply.raw('gress":{"done":24000,"of":24000}}\n');
  await page.getByText("24 000 of 24 000").waitFor({ timeout: SOON_MS });
  reply.raw(JSON.stringify(answerTo({ function: "mean", signal: "heart-rate" }, { mean: 81.2 })));
  reply.end();
  await page.locator(".learnt .large", { hasText: "81.2" }).waitFor({ timeout: SOON_MS });
  assert.equal(await page.locator(".progress").count(), 0);
});

test("cancel ends the request", async () => {
  let reply;
  clinic.onQuestion = (question, given) => {
    reply = given;
    reply.line({ progress: { done: 1, of: 288 } });
  };
  await askFor();
  await page.getByText("1 of 288 vectors").waitFor({ timeout: SOON_MS });
  await page.click(".query .run:text('Cancel')");
  await seen(".cancelled");
  assert.equal(await reply.closed, true, "the server sees that nobody waits");
  await page.locator(".query .run:focus", { hasText: "Ask the replicas" }).waitFor({ timeout: SOON_MS });
});

test("refusals are sentences", async () => {
  for (const code of ["cohort", "group", "difference", "budget", "nothing", "too-many", "replicas", "authentic", "failed"]) {
    const error = `the reason is ${code}: do this`;
    clinic.onQuestion = (question, reply) => {
      reply.line({ refusal: { code, error } });
      reply.end();
    };
    await askFor();
    const refusal = page.locator(`[role=status] .refusal[data-code=${code}]`);
    await refusal.waitFor({ timeout: SOON_MS });
    const text = await refusal.innerText();
    assert.ok(text.startsWith("Refused: ") && text.endsWith(error) && !text.startsWith(`Refused: ${code}`), text);
    assert.equal(await page.locator(".learnt").count(), 0);
  }
  await page.screenshot({ path: screenshotPath("aggregates-refusal") });
});

test("an answer that breaks off, or is no JSON, is said to be so", async () => {
  const cases = [
    [(reply) => reply.end(), /broke off/],
    [(reply) => (reply.raw('{"oops\n'), reply.end()), /damaged/],
    [(reply) => (reply.line({ progress: { done: 1, of: 2 } }), setTimeout(reply.breakOff, 100)), /broke off/],
  ];
  for (const [act, says] of cases) {
    clinic.onQuestion = (question, reply) => {
      reply.raw("\n");
      act(reply);
    };
    await askFor();
    await page.locator(".failure", { hasText: says }).waitFor({ timeout: SOON_MS });
    await page.waitForTimeout(50);
  }
  clinic.onQuestion = (question, reply) => reply.status(400, { error: "a count needs `above` or `below`" });
  await askFor();
  await page.locator(".failure", { hasText: "a count needs" }).waitFor({ timeout: SOON_MS });
});

test("a count needs a threshold, and says of how many", async () => {
  await choose("function", "count");
  const asked = clinic.questions.length;
  await askFor();
  await page.locator(".missing", { hasText: "needs a threshold" }).waitFor({ timeout: SOON_MS });
  assert.equal(clinic.questions.length, asked);
  await page.fill("input[name=above]", "120");
  replyWith({ count: 42, of: 17000 });
  // Enter in a field asks, too.
  await page.press("input[name=above]", "Enter");
  await page.locator(".learnt .large", { hasText: "42" }).waitFor({ timeout: SOON_MS });
  assert.deepEqual([clinic.questions.at(-1).above, clinic.questions.at(-1).below], [120, undefined]);
  assert.match(await page.innerText(".learnt .headline"), /of 17 000 readings of Heart rate above 120 \/min \(0\.2 %\)/);
});

test("variance with its deviation, and a sum", async () => {
  await choose("function", "variance");
  await choose("signal", "temperature");
  replyWith({ variance: 0.2304, deviation: 0.48 });
  await askFor();
  await page.locator(".learnt .headline", { hasText: "0.23 (°C)² variance of Temperature, standard deviation 0.48 °C" }).waitFor({ timeout: SOON_MS });
  await choose("function", "sum");
  replyWith({ sum: 12345.6 });
  await askFor();
  await page.locator(".learnt .headline", { hasText: "12 345.6 °C sum" }).waitFor({ timeout: SOON_MS });
  await choose("signal", "heart-rate");
});

test("a histogram has a bar for each bin, and a table", async () => {
  await choose("function", "histogram");
  const bins = Array.from({ length: 40 }, (_, n) => [60 + n, Math.round(1000 * Math.exp(-(((n - 18) / 9) ** 2)))]);
  replyWith({ bins, quantiles: [[0.05, 63], [0.25, 71], [0.5, 78], [0.75, 85], [0.95, 95]] });
  await askFor();
  await seen(".histogram");
  assert.equal(await page.locator(".histogram rect").count(), 40);
  assert.match(await page.getAttribute(".histogram", "aria-label"), /Heart rate from 60 to 99 \/min, most readings at 78/);
  assert.match(await page.innerText(".quantiles"), /5 %\s+25 %\s+median\s+75 %\s+95 %\s+63\s+71\s+78\s+85\s+95/);
  await page.screenshot({ path: screenshotPath("aggregates-histogram") });
  await page.click(".data summary");
  assert.equal(await page.locator(".data tbody tr").count(), 40);
  assert.deepEqual(await seriousFindings(page), []);
});

test("a trend breaks where nothing was read", async () => {
  await choose("function", "trend");
  const points = Array.from({ length: 24 }, (_, n) => [OLDEST + n * HOUR_MS, n === 10 ? null : 75 + 8 * Math.sin(n / 3), n === 10 ? 0 : 700]);
  replyWith({ points });
  await askFor();
  await seen(".trend-line");
  const line = await page.getAttribute(".trend-line path", "d");
  assert.equal(line.match(/M/g).length, 2);
  assert.equal(line.match(/L/g).length, 21);
  assert.doesNotMatch(line, /NaN|Infinity/);
  await page.screenshot({ path: screenshotPath("aggregates-trend") });
  assert.deepEqual(await seriousFindings(page), []);
});

test("the last hour ends with the newest window; dates are taken as they are", async () => {
  await choose("function", "mean");
  await choose("span", "hour");
  await askFor();
  await seen(".learnt .large");
  assert.deepEqual([clinic.questions.at(-1).from_ms, clinic.questions.at(-1).to_ms], [NOW - HOUR_MS, NOW]);
  await choose("span", "dates");
  await page.fill("input[name=from]", "2001-02-03T04:05:06");
  await page.fill("input[name=to]", "2001-02-03T04:05:05");
  await askFor();
  await page.locator(".missing", { hasText: "before the end" }).waitFor({ timeout: SOON_MS });
  await page.fill("input[name=to]", "2001-02-03T05:05:06");
  const asked = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/aggregates"));
  await askFor();
  const { from_ms: from, to_ms: to } = (await asked).postDataJSON();
  assert.equal(from, new Date("2001-02-03T04:05:06").getTime());
  assert.equal(to - from, HOUR_MS);
});

test("an alarm is on the page as on the bed, sounds, and is not acknowledged by typing into a field", async () => {
  clinic.raise(ALARM);
  await page.locator(".alarm.high.on", { hasText: "VENT TACHY" }).waitFor({ timeout: SOON_MS });
  assert.equal(await page.innerText("[aria-live=assertive]"), "VENT TACHY");
  await page.click(".sound");
  await page.locator(".sound", { hasText: "Pause audio" }).waitFor({ timeout: SOON_MS });
  await page.focus(".query select[name=function]");
  await page.keyboard.press("a");
  await page.waitForTimeout(200);
  assert.deepEqual(clinic.acknowledged, []);
  for (const [width, height] of [[1920, 1080], [1280, 720], [390, 844]]) {
    await page.setViewportSize({ width, height });
    await page.evaluate(() => {
      const scrolled = innerWidth < 821 ? document.scrollingElement : document.querySelector("main.aggregates");
      scrolled.scrollTop = scrolled.scrollHeight;
    });
    await page.waitForTimeout(100);
    const shown = await page.$eval(".alarm.high", (alarm) => {
      const { left, top, width: wide } = alarm.getBoundingClientRect();
      return alarm.contains(document.elementFromPoint(left + wide / 2, top + 20));
    });
    assert.ok(shown, `the alarm can be seen with the page scrolled down at ${width}x${height}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px wide at ${width}`);
    await page.screenshot({ path: screenshotPath(`aggregates-alarm-${width}x${height}`), fullPage: width < 800 });
    assert.deepEqual(await seriousFindings(page), []);
  }
  await page.setViewportSize({ width: 1600, height: 900 });
  await page.locator(".query .run").focus();
  const acknowledged = page.waitForRequest(/\/alarms\/7\/acknowledge$/);
  await page.keyboard.press("a");
  await acknowledged;
});

test("a look at the bed loses neither the form nor the answer", async () => {
  await choose("span", "all");
  await choose("signal", "spo2");
  await askFor();
  await seen(".learnt .large");
  await page.locator(".query .run").focus();
  await page.keyboard.press("b");
  await seen(".waves");
  await page.keyboard.press("g");
  await seen(".learnt .large");
  assert.equal(await page.inputValue(".query select[name=signal]"), "spo2");
});

test("no CSP violation, console error or foreign request in all of this", () => {
  // Chromium writes down each answer of 400 and each connection that breaks off.
  const unforeseen = page.complaints.filter((text) => !/status of 400|ERR_INCOMPLETE_CHUNKED_ENCODING/.test(text));
  assert.deepEqual(unforeseen, []);
});

test("a clinic that takes no part says so, and is not asked again", async () => {
  clinic.standing = null;
  await page.reload();
  await page.getByText("takes no part in aggregates").waitFor({ timeout: SOON_MS });
  assert.equal(await page.locator(".query").count(), 0);
});
