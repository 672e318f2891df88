// Fails when console/dist is not what the sources build to. Compressed files are compared by content, because
// compressors may differ between versions of Node.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { buildInto } from "./build.mjs";

const committed = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const fresh = mkdtempSync(join(tmpdir(), "bodywire-dist-"));
await buildInto(fresh);
const read = (folder, name) => {
  const bytes = readFileSync(join(folder, name));
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
};
const names = readdirSync(fresh).sort();
let differs = names.join() !== readdirSync(committed).sort().join() ? ["list of files"] : [];
if (differs.length === 0) differs = names.filter((name) => !read(fresh, name).equals(read(committed, name)));
rmSync(fresh, { recursive: true });
if (differs.length > 0) {
  console.error(`console/dist is stale: ${differs.join(", ")}. Run npm run build and commit console/dist.`);
  process.exit(1);
}
console.log(`console/dist is what the sources build to (${names.length} files).`);
