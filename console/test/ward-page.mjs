// A made-up ward and its page in a browser, opened by its one-time link.
import { seriousFindings } from "./accessibility.mjs";
import { startFakeWard } from "./fake-ward.mjs";
import { listen, screenshotPath, startBrowser } from "./harness.mjs";

export async function openWard(options = {}, { viewport = { width: 1920, height: 1080 }, before = () => {}, context: more = {} } = {}) {
  const ward = await startFakeWard(options);
  before(ward);
  const browser = await startBrowser();
  const context = await browser.newContext({ viewport, ...more });
  const page = listen(await context.newPage(), ward.origin);
  await page.goto(ward.link);
  await page.locator(".screen.live").waitFor();
  return {
    ward, browser, context, page,
    seen: (selector, options = {}) => page.locator(selector).first().waitFor({ timeout: 6000, ...options }),
    gone: (selector) => page.locator(selector).first().waitFor({ state: "detached", timeout: 6000 }),
    shot: (name) => page.screenshot({ path: screenshotPath(name), animations: "disabled" }),
    findings: () => seriousFindings(page),
    tile: (bed) => page.locator(`.tile[data-bed="${bed}"]`),
    async close() {
      await browser.close();
      ward.close();
    },
  };
}
