import assert from "node:assert/strict";
import { test } from "node:test";
import { createTelemetry } from "../dist/index.js";
import { connect, drafts, edit, until } from "./helpers.mjs";

test("posts an event with its id, session, time and properties", async (t) => {
  const { portal, telemetry } = await connect(t, { sessionId: "s-1" });
  const before = Date.now();
  telemetry.track("workbench.draft_created", { source: "chat", draftId: "d-1" });
  const after = Date.now();
  await telemetry.flush();
  const [event] = portal.stored.values();
  assert.deepEqual(Object.keys(event), ["event", "id", "sessionId", "timestamp", "properties"]);
  assert.equal(event.event, "workbench.draft_created");
  assert.equal(event.sessionId, "s-1");
  assert.deepEqual(event.properties, { source: "chat", draftId: "d-1" });
  assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Date.parse(event.timestamp) >= before && Date.parse(event.timestamp) <= after);
  assert.match(event.id, /^[!-~]{1,100}$/);
});

test("posts to the door with the key in a header, never in the address", async (t) => {
  const { portal, telemetry } = await connect(t);
  edit(telemetry, 1);
  await telemetry.flush();
  const [post] = portal.posts;
  assert.equal(post.url, "/api/workbench/telemetry");
  assert.equal(post.headers.authorization, "Bearer wbk_test");
  assert.equal(post.headers["content-type"], "application/json");
});

for (const ending of ["", "/", "/api/workbench/telemetry", "/api/workbench/telemetry/"]) {
  test(`takes the portal's address with "${ending}" at its end`, async (t) => {
    const { portal } = await connect(t);
    const telemetry = createTelemetry({ url: portal.url + ending, key: "k" });
    edit(telemetry, 1);
    await telemetry.flush();
    assert.equal(portal.posts[0].url, "/api/workbench/telemetry");
  });
}

test("waits for the time trigger", async (t) => {
  const { portal, telemetry } = await connect(t, { flushInterval: 60, flushAt: 10 });
  const before = Date.now();
  edit(telemetry, 1);
  await until(() => portal.stored.size === 1);
  assert.ok(Date.now() - before >= 59);
});

test("does not wait for it when the size trigger is reached", async (t) => {
  const { portal, telemetry } = await connect(t, { flushInterval: 60_000, flushAt: 3 });
  edit(telemetry, 1);
  edit(telemetry, 2);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(portal.posts.length, 0);
  edit(telemetry, 3);
  await until(() => portal.stored.size === 3);
  assert.equal(portal.posts.length, 1);
});

test("takes the properties as they are when tracked", async (t) => {
  const { portal, telemetry } = await connect(t);
  const properties = { draftId: "before", editType: "chat" };
  telemetry.track("workbench.draft_edited", properties);
  properties.draftId = "after";
  await telemetry.flush();
  assert.deepEqual(drafts(portal), ["before"]);
});

test("gives every event an id of its own", async (t) => {
  const { portal, telemetry } = await connect(t);
  for (let index = 0; index < 3000; index++) edit(telemetry, index);
  await telemetry.flush();
  assert.equal(portal.stored.size, 3000);
  assert.equal(portal.duplicates, 0);
});

test("keeps each post within a keepalive request's limit and 500 events", async (t) => {
  const { portal, telemetry } = await connect(t);
  for (let index = 0; index < 2000; index++) edit(telemetry, index);
  await telemetry.flush();
  assert.ok(portal.posts.length > 3);
  for (const post of portal.posts) {
    assert.ok(post.size <= 64 * 1024, `${post.size}`);
    assert.ok(post.events.length <= 500, `${post.events.length}`);
  }
  assert.deepEqual(drafts(portal), [...Array(2000).keys()].map(String));
});

test("flush takes what was tracked while it ran, too", async (t) => {
  const { portal, telemetry } = await connect(t, { flushInterval: 60_000 });
  portal.script = [{ delay: 30 }];
  edit(telemetry, 1);
  telemetry.flush();
  await until(() => portal.posts.length === 1);
  edit(telemetry, 2);
  await telemetry.flush();
  assert.deepEqual(drafts(portal), ["1", "2"]);
});

test("drops the oldest when the queue is full, and says how many", async (t) => {
  const { portal, telemetry, heard } = await connect(t, { maxBytes: 20_000, flushInterval: 60_000, flushAt: 1e9 });
  for (let index = 0; index < 1000; index++) edit(telemetry, index);
  await telemetry.flush();
  const dropped = heard.dropped.reduce((sum, [count]) => sum + count, 0);
  assert.ok(heard.dropped.every(([, reason]) => reason === "overflow"));
  assert.deepEqual(drafts(portal), [...Array(1000).keys()].slice(dropped).map(String));
  assert.ok(dropped > 800 && dropped < 1000, `${dropped}`);
  assert.equal(telemetry.pending, 0);
});

test("tells of an event that has no JSON text, and goes on", async (t) => {
  const { portal, telemetry, heard } = await connect(t);
  const loop = {};
  loop.self = loop;
  telemetry.track("workbench.draft_edited", loop);
  telemetry.track("workbench.draft_edited", { draftId: 10n });
  edit(telemetry, "good");
  await telemetry.flush();
  assert.deepEqual(drafts(portal), ["good"]);
  assert.deepEqual(heard.rejected.map(([verdict]) => verdict.code), ["TypeError", "TypeError"]);
});

for (const [length, accepted] of [[32_000, 1], [33_000, 0]]) {
  test(`an event of some ${length} characters is ${accepted ? "sent" : "refused at once"}`, async (t) => {
    const { portal, telemetry, heard } = await connect(t);
    edit(telemetry, "x".repeat(length));
    await telemetry.flush();
    assert.equal(portal.stored.size, accepted);
    assert.deepEqual(heard.rejected.map(([verdict]) => verdict.code), accepted ? [] : ["event_too_large"]);
  });
}

test("never throws into the page, whatever its callbacks do", async (t) => {
  const fail = () => {
    throw new Error("the page's own");
  };
  const { portal, telemetry } = await connect(t, {
    onRejected: fail, onDropped: fail, onAnswer: fail, traceparent: fail, maxBytes: 1000,
  });
  telemetry.track("bad", {});
  await telemetry.flush();
  for (let index = 0; index < 20; index++) edit(telemetry, index);
  await telemetry.flush();
  assert.equal(drafts(portal).at(-1), "19");
});

test("passes the trace context on", async (t) => {
  const traces = ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", undefined];
  const { portal, telemetry } = await connect(t, { traceparent: () => traces.shift() });
  const first = traces[0];
  edit(telemetry, 1);
  await telemetry.flush();
  edit(telemetry, 2);
  await telemetry.flush();
  assert.deepEqual(portal.posts.map((post) => post.headers.traceparent), [first, undefined]);
});

test("forgets everything when consent is withdrawn, and begins again when it is given", async (t) => {
  const { portal, telemetry } = await connect(t, { flushInterval: 60_000 });
  edit(telemetry, "before");
  const { sessionId } = telemetry;
  telemetry.consent(false);
  edit(telemetry, "without");
  await telemetry.flush();
  assert.equal(telemetry.pending, 0);
  assert.equal(telemetry.sessionId, undefined);
  assert.equal(portal.posts.length, 0);
  telemetry.consent(true);
  edit(telemetry, "with");
  await telemetry.flush();
  assert.deepEqual(drafts(portal), ["with"]);
  assert.notEqual(telemetry.sessionId, sessionId);
});

test("does nothing before consent is given", async (t) => {
  const { portal, telemetry } = await connect(t, { consent: false });
  edit(telemetry, 1);
  await telemetry.shutdown();
  assert.equal(portal.posts.length, 0);
});

test("does not send again what was in flight when consent was withdrawn", async (t) => {
  const { portal, telemetry } = await connect(t);
  portal.script = [{ hang: true }];
  edit(telemetry, 1);
  await until(() => portal.posts.length === 1);
  telemetry.consent(false);
  telemetry.consent(true);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(portal.posts.length, 1);
});

test("shutdown sends what waits", async (t) => {
  const { portal, telemetry } = await connect(t, { flushInterval: 60_000 });
  edit(telemetry, 1);
  await telemetry.shutdown();
  edit(telemetry, 2);
  assert.deepEqual(drafts(portal), ["1"]);
});

test("shutdown tries again until its patience ends, then says what is lost", async (t) => {
  const { portal, telemetry, heard } = await connect(t);
  portal.script = Array(1000).fill({ status: 500 });
  edit(telemetry, 1);
  await telemetry.shutdown(1000);
  assert.ok(portal.posts.length > 1);
  assert.deepEqual(heard.dropped, [[1, "closed"]]);
});

test("shutdown does not wait longer than its patience for a portal that hangs", async (t) => {
  const { portal, telemetry, heard } = await connect(t, { timeout: 3_600_000 });
  portal.script = [{ hang: true }];
  edit(telemetry, 1);
  await telemetry.shutdown(100);
  assert.deepEqual(heard.dropped, [[1, "closed"]]);
});

test("shutdown does not wait longer than its patience for a portal that is slow", async (t) => {
  const { portal, telemetry, heard } = await connect(t);
  portal.script = Array(1000).fill({ delay: 100 });
  for (let index = 0; index < 30_000; index++) edit(telemetry, index);
  await telemetry.shutdown(500);
  const [[dropped]] = heard.dropped.filter(([, reason]) => reason === "closed");
  assert.ok(dropped > 0);
  assert.equal(telemetry.pending, 0);
});
