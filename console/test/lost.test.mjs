// The server falls silent, comes back, and dies.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { givenUrl, listen, originOf, screenshotPath, startBrowser, startServer } from "./harness.mjs";
import { columnTops } from "./trace-pixels.mjs";

const skip = givenUrl ? "the server is not ours to stop" : false;
let server, browser, page;

before(async () => {
  if (skip) return;
  server = await startServer();
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1920, height: 1080 } });
  page = listen(await context.newPage(), originOf(server.link));
  await page.goto(server.link);
  await page.locator(".screen.live").waitFor({ timeout: 30_000 });
  await page.keyboard.press("1");
  await page.locator("[data-signal=heart-rate]:not(:text('---'))").waitFor({ timeout: 30_000 });
});
after(async () => {
  await browser?.close();
  server?.signal("SIGKILL");
});

async function lostWithinSixSeconds() {
  await page.getByText(/NO LIVE DATA since \d\d:\d\d:\d\d/).waitFor({ timeout: 6000 });
  for (const value of await page.locator(".numeric .value").allInnerTexts()) assert.equal(value, "---");
  const head = () => page.$eval(".strip.ecg .trace", (canvas) => canvas.dataset.headMs);
  const stopped = await head();
  await page.waitForTimeout(700);
  assert.equal(await head(), stopped, "the sweep stands still");
}

test("a silent server is a red frame; when it speaks again the stream resumes where it was", { skip }, async () => {
  server.signal("SIGSTOP");
  try {
    await lostWithinSixSeconds();
    const resumed = page.waitForRequest((request) => request.url().endsWith("/events"));
    const id = (await resumed).headers()["last-event-id"];
    assert.match(id, /^\d+$/);
  } finally {
    server.signal("SIGCONT");
  }
  await page.locator(".screen.live").waitFor({ timeout: 8000 });
  assert.equal(await page.locator(".lost-frame").count(), 0);
  await page.locator("[data-signal=heart-rate]:not(:text('---'))").waitFor({ timeout: 8000 });
  await page.locator(".pill.live", { hasText: "● LIVE" }).waitFor({ timeout: 8000 });
  await page.waitForTimeout(2500);
  const drawn = (await columnTops(page)).filter((top) => top !== null).length;
  assert.ok(drawn > 300, `the trace is back: ${drawn} columns`);
});

test("a dead server is a red frame that stays", { skip }, async () => {
  server.signal("SIGKILL");
  await lostWithinSixSeconds();
  await page.screenshot({ path: screenshotPath("lost-1920x1080") });
  await page.waitForTimeout(2000);
  assert.equal(await page.locator(".lost-frame").count(), 1);
});
