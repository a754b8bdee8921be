import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { drafts, until } from "./helpers.mjs";
import { Portal } from "./server.mjs";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const START = `
  import { createTelemetry } from "@workbench-analytics/client";
  import { flushOnExit } from "@workbench-analytics/client/node";
  const [, url, flushInterval] = process.argv;
  const telemetry = createTelemetry({ url, key: "k", flushInterval: +flushInterval, maxBackoff: 20 });
  const edit = (draftId) => telemetry.track("workbench.draft_edited", { draftId, editType: "chat" });
  const stayAlive = () => setInterval(() => {}, 1000);
  flushOnExit(telemetry);
`;

async function open(t) {
  const portal = await new Portal().open();
  t.after(() => portal.close());
  return portal;
}

/** Runs a program that has a client; sends it a signal once it has printed a line. */
async function run(url, source, { signals = [], flushInterval = 5 } = {}) {
  const command = ["--input-type=module", "--eval", START + source, url, flushInterval];
  const program = spawn(process.execPath, command, { cwd: PACKAGE });
  const ended = once(program, "close");
  let warnings = "";
  program.stderr.on("data", (data) => (warnings += data));
  for (const signal of signals) {
    await once(program.stdout, "data");
    program.kill(signal);
  }
  const [code, signal] = await ended;
  return { code, signal, warnings };
}

test("tries again before a program ends that has nothing left to do", async (t) => {
  const portal = await open(t);
  portal.script = [{ status: 503 }, { reset: true }];
  const { code } = await run(portal.url, `edit("1"); edit("2"); process.exitCode = 3;`);
  assert.deepEqual(drafts(portal), ["1", "2"]);
  assert.equal(code, 3);
});

test("does not wait as long as the portal asks for", async (t) => {
  const portal = await open(t);
  portal.script = [{ status: 503, headers: { "Retry-After": "60" } }];
  const { code, warnings } = await run(portal.url, `flushOnExit(telemetry, { patience: 200 }); edit("1");`);
  assert.equal(code, 0);
  assert.match(warnings, /dropped 1 \(closed\)/);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`sends what waits at ${signal}, which then ends the program`, async (t) => {
    const portal = await open(t);
    const source = `edit("1"); stayAlive(); console.log("ready");`;
    const ended = await run(portal.url, source, { signals: [signal], flushInterval: 60_000 });
    assert.deepEqual(drafts(portal), ["1"]);
    assert.deepEqual([ended.code, ended.signal], [null, signal]);
  });

  test(`ends at ${signal} in time in front of a portal that hangs, and says what is lost`, async (t) => {
    const portal = await open(t);
    portal.script = Array(9).fill({ hang: true });
    const source = `flushOnExit(telemetry, { patience: 200 }); edit("1"); stayAlive(); console.log("ready");`;
    const ended = await run(portal.url, source, { signals: [signal], flushInterval: 60_000 });
    assert.equal(ended.signal, signal);
    assert.match(ended.warnings, /dropped 1 \(closed\)/);
  });
}

test("a second signal ends the program at once", async (t) => {
  const portal = await open(t);
  portal.script = Array(9).fill({ hang: true });
  const source = `
    const { shutdown } = telemetry;
    telemetry.shutdown = () => {
      console.log("again");
      return shutdown(3_600_000);
    };
    edit("1"); stayAlive(); console.log("ready");
  `;
  const ended = await run(portal.url, source, { signals: ["SIGINT", "SIGINT"] });
  assert.equal(ended.signal, "SIGINT");
});

test("several clients are all sent before the signal ends the program", async (t) => {
  const portal = await open(t);
  const source = `
    const other = createTelemetry({ url, key: "other", flushInterval: 60_000 });
    flushOnExit(other);
    edit("1");
    other.track("workbench.draft_edited", { draftId: "2", editType: "chat" });
    stayAlive(); console.log("ready");
  `;
  const ended = await run(portal.url, source, { signals: ["SIGTERM"], flushInterval: 60_000 });
  assert.deepEqual(drafts(portal).sort(), ["1", "2"]);
  assert.equal(ended.signal, "SIGTERM");
});

for (const listen of ["on", "once"]) {
  test(`leaves a signal to the program that listens to it with ${listen}`, async (t) => {
    const portal = await open(t);
    const source = `
      const timer = stayAlive();
      process.${listen}("SIGTERM", () => setTimeout(() => {
        edit("while it ends");
        clearInterval(timer);
        process.exitCode = 7;
      }, 50));
      edit("before"); console.log("ready");
    `;
    const ended = await run(portal.url, source, { signals: ["SIGTERM"] });
    assert.deepEqual(drafts(portal).sort(), ["before", "while it ends"]);
    assert.deepEqual([ended.code, ended.signal], [7, null]);
  });
}

test("may be taken back", async (t) => {
  const portal = await open(t);
  const source = `
    flushOnExit(telemetry)();
    process.on("exit", () => console.error(process.listenerCount("SIGINT"), process.listenerCount("beforeExit")));
    edit("1");
  `;
  const { warnings } = await run(portal.url, source);
  assert.equal(warnings, "0 0\n");
  assert.deepEqual(drafts(portal), ["1"]);
});
