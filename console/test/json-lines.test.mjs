// Lines of JSON however the stream is cut; needs no browser.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "api", "json-lines.ts");
const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: "esm", write: false });
const { JsonLines, readJsonLines } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);

const VALUES = [{ progress: { done: 1, of: 2 } }, { refusal: { code: "cohort", error: "zu wenige: 3 Ω \n \u{1F600}" } }, [1.5, null]];
const TEXT = VALUES.map((value) => `${JSON.stringify(value)}\n`).join("");

async function readInPieces(bytes, size) {
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  const seen = [];
  await readJsonLines(body, (value) => seen.push(value));
  return seen;
}

test("a stream cut anywhere, also within a character, gives the same values", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let size = 1; size <= bytes.length; size++) assert.deepEqual(await readInPieces(bytes, size), VALUES, `pieces of ${size}`);
});

test("a value comes as soon as its line has ended, not before", () => {
  const lines = new JsonLines();
  assert.deepEqual(lines.push('{"a":1'), []);
  assert.deepEqual(lines.push('}\n{"b"'), [{ a: 1 }]);
  assert.deepEqual(lines.push(":2}\r\n\n"), [{ b: 2 }]);
  assert.deepEqual(lines.end(), []);
});

test("the last line may lack its end", async () => {
  assert.deepEqual(await readInPieces(new TextEncoder().encode(TEXT.trimEnd()), 7), VALUES);
});

test("what is no JSON, is cut off or never ends is an error with a sentence", async () => {
  assert.throws(() => new JsonLines().push("<html>\n"), /no JSON/);
  await assert.rejects(readInPieces(new TextEncoder().encode('{"answer":'), 4), /no JSON/);
  const lines = new JsonLines();
  assert.throws(() => {
    for (let n = 0; n < 10; n++) lines.push("x".repeat(1_000_000));
  }, /without end/);
});
