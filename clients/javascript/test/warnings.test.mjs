import assert from "node:assert/strict";
import { test } from "node:test";
import { createTelemetry } from "../dist/index.js";
import { connect, edit, until } from "./helpers.mjs";

const ONCE = " (Said once; development: true says all.)";

/** The texts that the console was told. */
function listen(t) {
  const warn = t.mock.method(console, "warn", () => {});
  return () => warn.mock.calls.map(({ arguments: [text] }) => text);
}

/** As an application has it that passes no callbacks. */
const SILENT = { onDropped: undefined, onRejected: undefined, onAnswer: undefined };

test("warns of the first events that are dropped, with the reason and what to do", async (t) => {
  const said = listen(t);
  const { telemetry } = await connect(t, { ...SILENT, maxBytes: 5000 });
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 500; index++) edit(telemetry, index);
    await telemetry.flush();
  }
  const [text, ...others] = said();
  assert.match(text, /^telemetry: dropped \d+ \(overflow\): the queue was full; raise maxBytes, or await flush\(\)/);
  assert.ok(text.endsWith(ONCE));
  assert.deepEqual(others, []);
});

test("warns of the first event that is rejected, with code, field, message and what to change", async (t) => {
  const said = listen(t);
  const { telemetry } = await connect(t, SILENT);
  for (let round = 0; round < 3; round++) {
    telemetry.track("bad", {});
    telemetry.track("bad", {});
    await telemetry.flush();
  }
  assert.deepEqual(said(), [
    "telemetry: bad rejected: not_in_enum properties.source This is one of: chat, blank. " +
      `Change properties.source where it is tracked.${ONCE}`,
  ]);
});

test("warns of an event that the client itself refuses", async (t) => {
  const said = listen(t);
  const { telemetry } = await connect(t, SILENT);
  edit(telemetry, "x".repeat(33_000));
  await telemetry.flush();
  assert.match(said()[0], /^telemetry: workbench\.draft_edited rejected: event_too_large properties/);
});

test("warns of the first post to a portal that is not there, with the error", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const { portal, telemetry } = await connect(t, SILENT);
  await portal.close();
  edit(telemetry, 1);
  await telemetry.flush();
  await telemetry.shutdown(500);
  const [[text, error], ...others] = warn.mock.calls.map((call) => call.arguments);
  assert.equal(
    text,
    `telemetry: ${portal.url}/api/workbench/telemetry did not answer; events wait and are sent again. ` +
      `Check url, network and CORS.${ONCE}`,
  );
  assert.equal(error.cause.code, "ECONNREFUSED");
  assert.deepEqual(others.map(([other]) => other.slice(0, 29)), ["telemetry: dropped 1 (closed)"]);
});

test("warns of the first answer that is none", async (t) => {
  const said = listen(t);
  const { portal, telemetry } = await connect(t, SILENT);
  portal.script = Array(5).fill({ status: 404 });
  edit(telemetry, 1);
  await until(() => telemetry.pending === 0);
  assert.equal(said().length, 1);
  assert.match(said()[0], / answered 404 without a verdict; events wait and are sent again\./);
});

test("warns once however many clients there are for one portal and key", async (t) => {
  const said = listen(t);
  const { portal, telemetry } = await connect(t, SILENT);
  const others = [1, 2, 3].map(() => createTelemetry({ url: portal.url, key: "wbk_test" }));
  for (const each of [telemetry, ...others]) {
    each.track("bad", {});
    await each.flush();
  }
  assert.equal(said().length, 1);
});

test("says nothing while nothing is wrong", async (t) => {
  const said = listen(t);
  const { telemetry } = await connect(t, SILENT);
  for (let index = 0; index < 1000; index++) edit(telemetry, index);
  await telemetry.flush();
  await telemetry.shutdown();
  assert.deepEqual(said(), []);
});

test("says nothing at all when warnings are switched off", async (t) => {
  const said = listen(t);
  const { portal, telemetry } = await connect(t, { ...SILENT, warnings: false, maxBytes: 1000 });
  portal.script = [{ status: 500 }];
  telemetry.track("bad", {});
  for (let index = 0; index < 50; index++) edit(telemetry, index);
  await until(() => telemetry.pending === 0);
  assert.deepEqual(said(), []);
});

test("says everything in development", async (t) => {
  const said = listen(t);
  const { telemetry } = await connect(t, { ...SILENT, development: true, warnings: false });
  telemetry.track("bad", {});
  telemetry.track("bad", {});
  await telemetry.flush();
  assert.equal(said().filter((text) => text.startsWith("telemetry: bad rejected")).length, 2);
  assert.ok(said().every((text) => !text.includes("Said once")));
});

test("says nothing of a post that was given up because consent was withdrawn", async (t) => {
  const said = listen(t);
  const { portal, telemetry } = await connect(t, SILENT);
  portal.script = [{ hang: true }];
  edit(telemetry, 1);
  await until(() => portal.posts.length === 1);
  telemetry.consent(false);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(said(), []);
});

test("a console that fails does not reach the page", async (t) => {
  t.mock.method(console, "warn", () => {
    throw new Error("no console");
  });
  const { telemetry, heard } = await connect(t);
  telemetry.track("bad", {});
  await telemetry.flush();
  assert.equal(heard.rejected.length, 1);
});
