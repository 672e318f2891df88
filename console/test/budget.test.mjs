import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const names = readdirSync(dist).filter((name) => !name.endsWith(".gz"));
const MAX_GZIPPED_BYTES = 80_000;

test("the whole console is under 80 kB gzipped", (t) => {
  const sizes = names.map((name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  t.diagnostic(`gzipped bytes: ${total}`);
  assert.ok(total < MAX_GZIPPED_BYTES, `${total} bytes`);
});

test("the page names no third-party host and holds no inline script or style", () => {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*src=)|https?:\/\//);
  const loads = /@import\s+["']?https?:|url\(\s*["']?(https?:)?\/\/|import\(\s*["'`]https?:/;
  for (const name of names.filter((name) => /\.(js|css)$/.test(name))) {
    assert.doesNotMatch(readFileSync(join(dist, name), "utf8"), loads, name);
  }
});
