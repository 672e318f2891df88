// The people of a demonstration or a preview, each with a browser of their own: links and codes as the program prints them.
import { listen, originOf } from "./harness.mjs";

const LINKS_MS = 20_000;
const STEP_MS = 100;
// The demonstration prints "NAME, what they are; code DIGITS" and the link on the next line, the preview "NAME   link".
const OF_DEMO = /^[ \t]*(?:Console)?[ \t]*(\S[^,;\r\n]*),[^;\r\n]*; code (\d+)\s+(http:\S+)/gm;
const OF_PREVIEW = /^(\S.*?) {3}(http:\S+)\r?$/gm;
const PREVIEW_CODE = "123456";
export const PEOPLE = ["Dr A. Meyer", "S. Ode", "Dr B. Lima", "R. Viewer", "Test patient", "Wall"];

function printed(text) {
  const demo = [...text.matchAll(OF_DEMO)].map(([, name, code, link]) => [name, { name, code, link }]);
  const preview = [...text.matchAll(OF_PREVIEW)].map(([, name, link]) => [name, { name, code: PREVIEW_CODE, link }]);
  return new Map(demo.length > 0 ? demo : preview);
}

// Waits until all six have been printed.
export async function peopleOf(server) {
  for (const end = Date.now() + LINKS_MS; Date.now() < end; ) {
    const people = printed(server.said());
    if (PEOPLE.every((name) => people.has(name))) return people;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new Error(`not every person has a link in: ${server.said()}`);
}

// Opens somebody's link in a browser context of its own; `prepare` runs before the page does.
export async function signIn(browser, person, { viewport = { width: 1280, height: 800 }, prepare = null, ...more } = {}) {
  const context = await browser.newContext({ viewport, ...more });
  if (prepare) await context.addInitScript(prepare);
  const page = listen(await context.newPage(), originOf(person.link));
  await page.goto(person.link);
  await page.locator(".screen.live").waitFor({ timeout: LINKS_MS });
  return page;
}
