// Fails when the classic build is larger than what a page should have to load for it.

import { readFile } from "node:fs/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";

const MAX_BYTES = 4096;
const script = await readFile(new URL("../dist/telemetry.min.js", import.meta.url));
const compressed = gzipSync(script, { level: 9 }).length;
console.log(
  `dist/telemetry.min.js: ${script.length} bytes, gzip ${compressed}, brotli ${brotliCompressSync(script).length}; ` +
    `limit ${MAX_BYTES} (gzip)`,
);
if (compressed > MAX_BYTES) {
  console.error(`The classic build is ${compressed - MAX_BYTES} bytes too large.`);
  process.exitCode = 1;
}
