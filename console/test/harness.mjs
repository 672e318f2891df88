// Starts a server or takes a given one, and opens its console in Chromium.
//
// BODYWIRE_CONSOLE_URL  one-time link of a server that runs already
// BODYWIRE_CONSOLE_CMD  command that prints a one-time link on either output; default: the preview example
// CHROMIUM              browser, default /usr/bin/chromium
// BODYWIRE_SCREENSHOTS  directory for screenshots, default a new temporary one
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const PREVIEW = "cargo run -q -p bodywire-clinic --example console_preview --";
// The fragment is the key of the session; a link may come without one.
const LINK = /http:\/\/\S+\/\?once=\w+(#k=\w+)?/;
// The first start may compile.
const START_TIMEOUT_MS = 600_000;

export const givenUrl = process.env.BODYWIRE_CONSOLE_URL;
export const isPreview = !givenUrl && (process.env.BODYWIRE_CONSOLE_CMD ?? PREVIEW).includes("console_preview");

const shots = process.env.BODYWIRE_SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "bodywire-console-"));
mkdirSync(shots, { recursive: true });
export const screenshotPath = (name) => join(shots, `${name}.png`);

// `options` are for the preview.
export function startServer(options = []) {
  if (givenUrl) return { link: givenUrl, signal: () => {} };
  return startCommand("sh", ["-c", `exec ${process.env.BODYWIRE_CONSOLE_CMD ?? PREVIEW} ${options.join(" ")}`], "ignore");
}

// Starts a program that prints a one-time link on standard output or standard error.
export async function startCommand(program, args, stdin) {
  const child = spawn(program, args, { cwd: root, stdio: [stdin, "pipe", "pipe"] });
  let text = "";
  const ended = new Promise((resolve) => {
    child.on("exit", (code, signal) => resolve(code ?? signal));
    child.on("error", (error) => resolve(error.message));
  });
  const link = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no one-time link in: ${text}`)), START_TIMEOUT_MS);
    // Taken from both to the end, so that a full pipe never stops the server.
    for (const output of [child.stdout, child.stderr]) {
      output.on("data", (chunk) => {
        text += chunk;
        const found = LINK.exec(text);
        if (!found) return;
        clearTimeout(late);
        resolve(found[0]);
      });
    }
    void ended.then((code) => {
      clearTimeout(late);
      reject(new Error(`server ended with ${code}: ${text}`));
    });
  });
  return { link, ended, said: () => text, signal: (name) => child.kill(name), type: (keys) => child.stdin.write(keys) };
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
}

// Console errors (CSP violations are such) and requests to other hosts end up in `page.complaints`.
export function listen(page, origin) {
  page.complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) page.complaints.push(`foreign request ${request.url()}`);
  });
  return page;
}

export const originOf = (link) => new URL(link).origin;
