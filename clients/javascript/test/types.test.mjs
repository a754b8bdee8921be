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

test("wrong and missing properties do not compile, right ones do", () => {
  const source = readFileSync(inPackage("test/types/wrong.ts"), "utf8").split("\n");
  const wrong = source.flatMap((line, index) => (line.endsWith("; // error") ? [index + 1] : []));
  assert.equal(wrong.length, 18);
  assert.deepEqual(refusedLines(), { "wrong.ts": wrong });
});
