import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createTelemetry } from "../dist/index.js";
import { connect, edit } from "./helpers.mjs";

const MINUTE = 60_000;
const START = Date.parse("2026-02-02T10:00:00Z");

/** What a client sends, with a clock that the test turns. */
function recorded(t, options) {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  t.after(() => mock.timers.reset());
  const events = [];
  t.mock.method(globalThis, "fetch", async (_, { body }) => {
    const batch = JSON.parse(new TextDecoder().decode(body)).events;
    events.push(...batch);
    return Response.json({ accepted: batch.length, duplicates: 0, rejected: 0, results: [] });
  });
  return { events, telemetry: createTelemetry({ url: "http://portal.test", key: "k", sessions: true, ...options }) };
}

const brief = ({ event, timestamp, properties }) => [
  event.replace("workbench.", ""), Date.parse(timestamp) - START, properties?.durationMs,
];

test("a session starts with the client and ends, with its duration, at shutdown", async (t) => {
  const { events, telemetry } = recorded(t, { userId: "u-1" });
  mock.timers.tick(5 * MINUTE);
  edit(telemetry, 1);
  mock.timers.tick(MINUTE);
  await telemetry.shutdown();
  assert.deepEqual(events.map(brief), [
    ["session_started", 0, undefined], ["draft_edited", 5 * MINUTE, undefined], ["session_ended", 6 * MINUTE, 6 * MINUTE],
  ]);
  assert.equal(new Set(events.map((event) => event.sessionId)).size, 1);
  assert.equal(events[0].properties.userId, "u-1");
  assert.equal(events[2].properties.userId, "u-1");
});

for (const [idle, sessions] of [[30 * MINUTE - 1, 1], [30 * MINUTE + 1, 2]]) {
  test(`${idle} ms without an event make ${sessions} session(s)`, async (t) => {
    const { events, telemetry } = recorded(t);
    edit(telemetry, 1);
    mock.timers.tick(idle);
    edit(telemetry, 2);
    await telemetry.flush();
    assert.equal(new Set(events.map((event) => event.sessionId)).size, sessions);
    assert.equal(events.filter((event) => event.event.endsWith("session_started")).length, sessions);
  });
}

test("an idle session ends by itself, at the moment of its last event", async (t) => {
  const { events, telemetry } = recorded(t);
  mock.timers.tick(20 * MINUTE);
  edit(telemetry, 1);
  mock.timers.tick(20 * MINUTE);
  edit(telemetry, 2);
  mock.timers.tick(31 * MINUTE);
  assert.equal(telemetry.sessionId, undefined);
  await telemetry.shutdown();
  assert.deepEqual(events.map(brief).at(-1), ["session_ended", 40 * MINUTE, 40 * MINUTE]);
});

test("a duration is never more than the plan allows", async (t) => {
  const { events, telemetry } = recorded(t, { sessionTimeout: 2 ** 31 - 1 });
  for (let day = 0; day < 40; day++) {
    mock.timers.tick(24 * 60 * MINUTE);
    edit(telemetry, day);
  }
  await telemetry.shutdown();
  assert.equal(events.at(-1).properties.durationMs, 30 * 24 * 60 * MINUTE);
});

test("somebody else's session is left alone", async (t) => {
  const { portal, telemetry } = await connect(t, { sessionId: "server-7" });
  edit(telemetry, 1);
  await telemetry.shutdown();
  assert.deepEqual([...portal.stored.values()].map(({ event, sessionId }) => [event, sessionId]), [
    ["workbench.draft_edited", "server-7"],
  ]);
});

test("outside browsers a client is one session, without events of its own", async (t) => {
  const { portal, telemetry } = await connect(t);
  edit(telemetry, 1);
  edit(telemetry, 2);
  await telemetry.shutdown();
  const events = [...portal.stored.values()];
  assert.equal(events.length, 2);
  assert.equal(new Set(events.map((event) => event.sessionId)).size, 1);
});
