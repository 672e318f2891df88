// Makes the pictures of the documentation from the real demonstration. See console/README.md.
//
//   node test/screenshot.mjs              docs/images/console.png: the bed in an emergency
//   node test/screenshot.mjs aggregates   docs/images/aggregates.png: a histogram over encrypted windows
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openAggregates } from "./aggregates-page.mjs";
import { binary, startDemo } from "./demo-bed.mjs";

const MAX_BYTES = 300_000;
// So much of the calm rhythm is on the strip, and so much of the other.
const CALM_MS = 16_000;
const EMERGENCY_MS = 4_000;
// A few more windows of ten seconds make a histogram worth looking at.
const WINDOWS_MS = 60_000;
const ANSWER_MS = 20_000;

const PICTURES = {
  async console(page, link) {
    await page.goto(link);
    await page.locator("[data-signal=heart-rate]:not(:text('---'))").waitFor({ timeout: 30_000 });
    await page.click(".card.access [data-sealed]");
    await page.locator(".steps [data-step=sensor].done").waitFor({ timeout: 30_000 });
    await page.keyboard.press("b");
    await page.locator("[data-signal=pump-rate]:not(:text('---'))").waitFor({ timeout: 30_000 });
    await page.waitForTimeout(CALM_MS);
    await page.click("[data-demo=emergency]");
    await page.mouse.move(0, 0);
    await page.locator(".alarm.high.on").waitFor({ timeout: 30_000 });
    await page.waitForTimeout(EMERGENCY_MS);
  },
  async aggregates(page, link) {
    await openAggregates(page, link);
    await page.waitForTimeout(WINDOWS_MS);
    await page.selectOption(".query select[name=function]", "histogram");
    await page.click(".query .run");
    await page.mouse.move(0, 0);
    await page.locator(".learnt .histogram").waitFor({ timeout: ANSWER_MS });
  },
};

const name = process.argv[2] ?? "console";
const make = PICTURES[name];
if (!make) {
  console.error(`There is no picture ${name}; there are ${Object.keys(PICTURES).join(" and ")}.`);
  process.exit(2);
}
if (!binary) {
  console.error("BODYWIRE_BIN must name the built program, such as target/release/bodywire.");
  process.exit(2);
}
const picture = join(dirname(fileURLToPath(import.meta.url)), `../../docs/images/${name}.png`);
mkdirSync(dirname(picture), { recursive: true });
const { server, page, close } = await startDemo(["--emergency-at", "never"], { viewport: { width: 1600, height: 900 } });
try {
  await make(page, server.link);
  // Without animations the alarm is caught lit, not in the dark half of its flash.
  await page.screenshot({ path: picture, animations: "disabled" });
} finally {
  await close();
}
try {
  execFileSync("pngquant", ["--force", "--skip-if-larger", "--quality=70-95", "--output", picture, picture]);
} catch (error) {
  console.error(`not compressed (${error.message}): install pngquant`);
}
const { size } = statSync(picture);
console.log(`${picture}: ${size} bytes`);
if (size > MAX_BYTES) {
  console.error(`larger than ${MAX_BYTES} bytes`);
  process.exit(1);
}
