import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createTelemetry } from "../dist/index.js";
import { connect, drafts, edit, until } from "./helpers.mjs";

const FAULTS = {
  "500": { status: 500 },
  "502 with a page": { status: 502, body: "<h1>Bad gateway</h1>" },
  "503": { status: 503 },
  "429": { status: 429 },
  "404": { status: 404 },
  "an answer that never comes": { hang: true },
  "a reset": { reset: true },
  "an answer lost after storing": { lose: true },
  "200 with a page": { status: 200, body: "<h1>Log in to this network</h1>" },
  "200 with other JSON": { status: 200, body: {} },
};

for (const [name, step] of Object.entries(FAULTS)) {
  for (const times of [1, 4]) {
    test(`stores each event once after ${name}, ${times} times`, async (t) => {
      // Short only where it must pass: a busy machine may be slow to answer.
      const { portal, telemetry, heard } = await connect(t, { timeout: step.hang ? 500 : 5000 });
      portal.script = Array(times).fill(step);
      for (let index = 0; index < 20; index++) edit(telemetry, index);
      await until(() => telemetry.pending === 0);
      assert.deepEqual(drafts(portal), [...Array(20).keys()].map(String));
      assert.equal(portal.posts.length, times + 1);
      assert.deepEqual(heard.dropped, []);
    });
  }
}

test("stores each event once whatever the portal does, in any order", async (t) => {
  const { portal, telemetry } = await connect(t, { timeout: 40, flushAt: 7 });
  const steps = Object.values(FAULTS);
  portal.script = Array.from({ length: 60 }, (_, index) => (index % 3 ? {} : steps[(index / 3) % steps.length]));
  for (let index = 0; index < 400; index++) {
    edit(telemetry, index);
    if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await until(() => telemetry.pending === 0, 20_000);
  assert.deepEqual(drafts(portal).sort(), [...Array(400).keys()].map(String).sort());
});

test("sends again only what was not answered", async (t) => {
  const { portal, telemetry } = await connect(t);
  portal.script = [{}, { status: 500 }];
  for (let index = 0; index < 600; index++) edit(telemetry, index);
  await until(() => telemetry.pending === 0);
  assert.equal(portal.duplicates, 0);
  assert.deepEqual(portal.posts[1].events, portal.posts[2].events);
});

test("the id and the time stay when an event is sent again", async (t) => {
  const { portal, telemetry } = await connect(t);
  portal.script = [{ status: 500 }, { reset: true }];
  edit(telemetry, 1);
  await until(() => telemetry.pending === 0);
  const [first, ...others] = portal.posts.map((post) => JSON.stringify(post.events));
  assert.deepEqual(others, [first, first]);
});

test("what is tracked while a batch is sent again goes with the next", async (t) => {
  const { portal, telemetry } = await connect(t);
  portal.script = [{ delay: 30, status: 500 }, { delay: 30 }];
  edit(telemetry, 1);
  await until(() => portal.posts.length === 1);
  edit(telemetry, 2);
  await until(() => portal.posts.length === 2);
  edit(telemetry, 3);
  await until(() => telemetry.pending === 0);
  assert.deepEqual(portal.posts[1].events, portal.posts[0].events);
  assert.deepEqual(drafts(portal), ["1", "2", "3"]);
});

test("the bound of the queue holds after batches were split", async (t) => {
  const { portal, telemetry } = await connect(t, { maxBytes: 20_000 });
  for (let round = 0; round < 10; round++) {
    portal.script = [{ status: 413 }];
    for (let index = 0; index < 80; index++) edit(telemetry, index);
    await until(() => telemetry.pending === 0);
  }
  portal.script = [{ status: 401 }];
  t.mock.method(console, "error", () => {});
  for (let index = 0; index < 500; index++) edit(telemetry, index);
  await telemetry.flush();
  const [{ events }] = portal.posts.slice(-1);
  assert.equal(telemetry.pending, events.length);
  const characters = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
  assert.ok(characters > 19_500 && characters <= 20_000, `${characters}`);
});

for (const status of [429, 503]) {
  test(`waits as long as the Retry-After of a ${status} says`, async (t) => {
    const { portal, telemetry } = await connect(t);
    portal.script = [{ status, headers: { "Retry-After": "1" } }];
    edit(telemetry, 1);
    await until(() => portal.posts.length === 1);
    edit(telemetry, 2);
    await telemetry.flush();
    await until(() => telemetry.pending === 0);
    assert.deepEqual(drafts(portal), ["1", "2"]);
    assert.ok(portal.posts[1].at - portal.posts[0].at >= 1000);
  });
}

test("understands a Retry-After that is a date", async (t) => {
  const { portal, telemetry } = await connect(t);
  const at = new Date(Date.now() + 2000);
  portal.script = [{ status: 503, headers: { "Retry-After": at.toUTCString() } }];
  edit(telemetry, 1);
  await until(() => telemetry.pending === 0);
  assert.ok(portal.posts[1].at >= Math.floor(at.getTime() / 1000) * 1000);
});

for (const status of [401, 403]) {
  test(`stops at ${status} with one message, and keeps the events within bounds`, async (t) => {
    const error = t.mock.method(console, "error", () => {});
    const { portal, telemetry } = await connect(t, { maxBytes: 5000 });
    portal.script = Array(9).fill({ status });
    for (let index = 0; index < 5; index++) {
      for (let event = 0; event < 10; event++) edit(telemetry, event);
      await telemetry.flush();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(portal.posts.length, 1);
    assert.equal(error.mock.callCount(), 1);
    assert.match(error.mock.calls[0].arguments[0], new RegExp(`refuses the key \\(${status}\\)`));
    assert.ok(telemetry.pending > 10 && telemetry.pending < 50, `${telemetry.pending}`);
  });
}

test("one event that can't be read blocks no other", async (t) => {
  const { portal, telemetry, heard } = await connect(t);
  for (let index = 0; index < 100; index++) edit(telemetry, index === 37 ? "POISON" : index);
  await until(() => telemetry.pending === 0);
  await until(() => heard.dropped.length === 1);
  assert.deepEqual(heard.dropped, [[1, "refused"]]);
  const expected = [...Array(100).keys()].filter((index) => index !== 37).map(String);
  assert.deepEqual(drafts(portal).sort(), expected.sort());
  assert.equal(portal.duplicates, 0);
  assert.ok(portal.posts.length <= 16, `${portal.posts.length}`);
});

test("splits what is too large for the portal", async (t) => {
  const { portal, telemetry, heard } = await connect(t);
  portal.script = [{ status: 413 }, { status: 413 }];
  for (let index = 0; index < 100; index++) edit(telemetry, index);
  await until(() => telemetry.pending === 0);
  assert.equal(portal.stored.size, 100);
  assert.deepEqual(portal.posts.map((post) => post.events.length), [100, 50, 25, 25, 50]);
  assert.deepEqual(heard.dropped, []);
});

test("drops a single event that is too large for the portal, and says so", async (t) => {
  const { portal, telemetry, heard } = await connect(t);
  portal.script = [{ status: 413 }];
  edit(telemetry, 1);
  await until(() => heard.dropped.length === 1);
  assert.deepEqual(heard.dropped, [[1, "too_large"]]);
  assert.equal(telemetry.pending, 0);
});

test("tells of rejected events with the portal's reasons, and does not send them again", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const { portal, telemetry, heard } = await connect(t, { development: true });
  edit(telemetry, 1);
  telemetry.track("bad", { source: "phone" });
  await telemetry.flush();
  await telemetry.flush();
  assert.equal(portal.posts.length, 1);
  const [[verdict, event]] = heard.rejected;
  assert.deepEqual(
    [verdict.index, verdict.code, verdict.field, verdict.message, event.event, event.properties],
    [1, "not_in_enum", "properties.source", "This is one of: chat, blank.", "bad", { source: "phone" }],
  );
  assert.equal(verdict.id, event.id);
  const [text] = warn.mock.calls[0].arguments;
  assert.match(text, /^telemetry: bad rejected: not_in_enum properties\.source This is one of: chat, blank\./);
});

test("hands each answer over with its events", async (t) => {
  const { telemetry, heard } = await connect(t);
  edit(telemetry, 1);
  telemetry.track("bad", {});
  await telemetry.flush();
  const [[events, answer]] = heard.answers;
  assert.deepEqual(events.map((event) => event.event), ["workbench.draft_edited", "bad"]);
  assert.deepEqual([answer.accepted, answer.rejected, answer.results[0].id], [1, 1, events[1].id]);
});

// A portal that is away by the clock: no socket takes part, so that the clock may be turned.

const turn = async (milliseconds, step = 100) => {
  for (let passed = 0; passed < milliseconds; passed += step) {
    mock.timers.tick(step);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

function away(t, until) {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.parse("2026-02-02T10:00:00Z") });
  t.after(() => mock.timers.reset());
  const begin = Date.now();
  const attempts = [];
  const stored = new Map();
  t.mock.method(globalThis, "fetch", async (_, { body }) => {
    attempts.push(Date.now() - begin);
    if (Date.now() - begin < until) throw new TypeError("fetch failed");
    const { events } = JSON.parse(new TextDecoder().decode(body));
    for (const event of events) stored.set(event.id, event);
    return Response.json({ accepted: events.length, duplicates: 0, rejected: 0, results: [] });
  });
  return { attempts, stored };
}

test("a portal that is away for a minute gets everything when it is back", async (t) => {
  const { attempts, stored } = away(t, 60_000);
  const telemetry = createTelemetry({ url: "http://portal.test", key: "k" });
  for (let second = 0; second < 60; second++) {
    edit(telemetry, second);
    await turn(1000);
  }
  await turn(65_000);
  assert.equal(telemetry.pending, 0);
  assert.deepEqual([...stored.values()].map((event) => event.properties.draftId), [...Array(60).keys()].map(String));
  assert.equal([...stored.values()][7].timestamp, "2026-02-02T10:00:07.000Z");
  assert.ok(attempts.length < 40, `${attempts}`);
});

test("waits twice as long each time, up to the bound, with full jitter", async (t) => {
  const { attempts } = away(t, Infinity);
  t.mock.method(Math, "random", () => 0.5);
  const telemetry = createTelemetry({ url: "http://portal.test", key: "k", maxBackoff: 8000 });
  edit(telemetry, 1);
  await turn(30_000);
  const waits = attempts.slice(1).map((at, index) => at - attempts[index]);
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000]);
});

test("waits a day at most, however long the portal asks for", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  let attempts = 0;
  t.mock.method(globalThis, "fetch", async () => {
    attempts++;
    return new Response("", { status: 503, headers: { "Retry-After": "99999999" } });
  });
  edit(createTelemetry({ url: "http://portal.test", key: "k" }), 1);
  await turn(3000);
  assert.equal(attempts, 1);
  await turn(86_340_000, 60_000);
  assert.equal(attempts, 1);
  await turn(120_000, 1000);
  assert.equal(attempts, 2);
});
