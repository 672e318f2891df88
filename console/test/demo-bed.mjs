// The real demonstration for a test: `bodywire demo` in a new directory, its page in a browser, and a stop watch.
//
// BODYWIRE_BIN        the binary; without it these tests are left out, which fails where CI=true
// BODYWIRE_RECORDING  WFDB recording (path without .hea) for the test of recordings
// BODYWIRE_PAGE_DIST  page files to use instead of those in the binary, while working on the page
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listen, originOf, startBrowser, startCommand } from "./harness.mjs";

export const binary = process.env.BODYWIRE_BIN;
const inCi = process.env.CI === "true";

// Reason to leave a test out, or false. What is missing fails where nothing may be missing.
export const leftOut = (missing, what) => {
  if (!missing) return false;
  if (inCi) throw new Error(`${what} is missing, and CI=true`);
  return `left out: ${what} is missing`;
};

const PAGE_FILES = { "/": ["index.html", "text/html"], "/app.js": ["app.js", "text/javascript"], "/style.css": ["style.css", "text/css"] };

async function useOtherPage(context, folder) {
  await context.route((url) => url.pathname in PAGE_FILES && !url.search, (route) => {
    const [name, contentType] = PAGE_FILES[new URL(route.request().url()).pathname];
    return route.fulfill({ contentType, body: readFileSync(join(folder, name), "utf8") });
  });
}

export async function startDemo(options = [], { terminal = false, viewport = { width: 1920, height: 1080 } } = {}) {
  const state = mkdtempSync(join(tmpdir(), "bodywire-demo-"));
  const args = ["demo", "--state", join(state, "demo"), "--port", "0", "--mqtt-port", "0", ...options];
  // Keys are read from a terminal only; script(1) of util-linux provides one.
  const server = terminal
    ? await startCommand("script", ["-qfec", [binary, ...args].join(" "), "/dev/null"], "pipe")
    : await startCommand(binary, args, "ignore");
  const browser = await startBrowser();
  const context = await browser.newContext({ viewport });
  if (process.env.BODYWIRE_PAGE_DIST) await useOtherPage(context, process.env.BODYWIRE_PAGE_DIST);
  const page = listen(await context.newPage(), originOf(server.link));
  const close = async () => {
    await browser.close();
    server.signal("SIGINT");
    await server.ended;
    rmSync(state, { recursive: true, force: true });
  };
  return { server, browser, context, page, close };
}

const measured = [];

// Does something, waits until the page shows it, and writes down how long that took.
export async function effect(t, name, limitMs, act, shown) {
  const start = performance.now();
  await act();
  await shown.waitFor({ timeout: limitMs });
  const ms = Math.round(performance.now() - start);
  measured.push([name, ms]);
  t.diagnostic(`${name}: ${ms} ms`);
  return ms;
}

export const report = () => measured.map(([name, ms]) => `${String(ms).padStart(6)} ms  ${name}`).join("\n");

const besideRoot = join(dirname(fileURLToPath(import.meta.url)), "../../../shared/data/ecg");
export const recording =
  process.env.BODYWIRE_RECORDING ?? join(process.env.BODYWIRE_ECG_DATA ?? besideRoot, "mitdb/100");
export const noRecording = !existsSync(`${recording}.hea`);
