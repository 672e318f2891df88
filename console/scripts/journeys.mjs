// Makes the pictures of docs/journeys.md: walks test/journeys.test.mjs in the real demonstration and compresses what it took.
//
//   BODYWIRE_BIN=$PWD/../target/release/bodywire node scripts/journeys.mjs
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// A page of fourteen pictures still opens quickly on a ward's line.
const MAX_BYTES = 150_000;
const here = dirname(fileURLToPath(import.meta.url));
const images = join(here, "../../docs/images");

if (!process.env.BODYWIRE_BIN) {
  console.error("BODYWIRE_BIN must name the built program, such as target/release/bodywire.");
  process.exit(2);
}
const shots = mkdtempSync(join(tmpdir(), "bodywire-journeys-"));
try {
  execFileSync(process.execPath, ["--test", join(here, "../test/journeys.test.mjs")], {
    stdio: "inherit", env: { ...process.env, BODYWIRE_SCREENSHOTS: shots },
  });
  mkdirSync(images, { recursive: true });
  for (const name of readdirSync(shots).filter((file) => file.startsWith("journey-"))) {
    const picture = join(images, name);
    execFileSync("pngquant", ["--force", "--quality=60-95", "--output", picture, join(shots, name)]);
    const { size } = statSync(picture);
    console.log(`${name}: ${size} bytes`);
    if (size > MAX_BYTES) throw new Error(`${name} is larger than ${MAX_BYTES} bytes`);
  }
} finally {
  rmSync(shots, { recursive: true, force: true });
}
