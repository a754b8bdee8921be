import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const inPackage = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The lines of each file of test/types that the compiler refuses: {"wrong.ts": [7, 8, …]}. */
function refusedLines() {
  const compiler = inPackage("node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "--project", inPackage("test/types"), "--pretty", "false"]);
  const lines = {};
  for (const [, file, line] of stdout.toString().matchAll(/^(?:.*\/)?([^/]+\.ts)\((\d+),\d+\): error/gm)) {
    (lines[file] ??= new Set()).add(Number(line));
  }
  return Object.fromEntries(Object.entries(lines).map(([file, found]) => [file, [...found].sort((a, b) => a - b)]));
}

/** The lines of a file of test/types that end with "// error". */
function wrongLines(file) {
  const source = readFileSync(inPackage(`test/types/${file}`), "utf8").split("\n");
  return source.flatMap((line, index) => (/^[^/].* \/\/ error$/.test(line) ? [index + 1] : []));
}

test("what is wrong does not compile, at its own line, and what is right does", () => {
  const [wrong, places] = [wrongLines("wrong.ts"), wrongLines("places.ts")];
  assert.deepEqual([wrong.length, places.length], [21, 21]);
  assert.deepEqual(refusedLines(), { "wrong.ts": wrong, "places.ts": places });
});
