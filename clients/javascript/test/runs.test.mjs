// Runs and agents: what they track, however their work ends.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createTelemetry } from "../dist/index.js";
import { withRun } from "../dist/runs.js";
import { connect } from "./helpers.mjs";

const STARTED = "workbench.workflow_run_started";
const COMPLETED = "workbench.workflow_run_completed";

/** A client that keeps what is tracked, as JSON has it. */
function recorder() {
  const tracked = [];
  const track = (event, properties) => void tracked.push([event, JSON.parse(JSON.stringify(properties))]);
  const all = (event) => tracked.filter(([name]) => name === event).map(([, properties]) => properties);
  return { telemetry: { track }, tracked, all };
}

/** How the run and its agent ended when the agent's work throws. */
async function endWith(error) {
  const { telemetry, tracked, all } = recorder();
  const run = withRun(telemetry, {}, (run) =>
    run.withAgent({ agentName: "planner" }, () => {
      throw error;
    }),
  );
  await run.then(assert.fail, (thrown) => assert.equal(thrown, error));
  assert.ok(!JSON.stringify(tracked).includes("words"));
  return [...all("agent.run_completed"), ...all(COMPLETED)].map(({ status, errorType }) => [status, errorType]);
}

test("a run tracks its start and its end, and answers what its work returns", async () => {
  const { telemetry, tracked } = recorder();
  const options = { workflowId: "w-1", workflowName: "Triage", draftId: "d-1", retryOfRunId: "r-1" };
  const ids = { runId: "r-2", traceId: "t-1" };

  assert.equal(await withRun(telemetry, { ...options, ...ids, trigger: "api" }, async () => 42), 42);

  const [[started, start], [completed, { durationMs, ...end }]] = tracked;
  assert.deepEqual([started, completed], [STARTED, COMPLETED]);
  assert.deepEqual(start, { ...options, ...ids, trigger: "api" });
  assert.deepEqual(end, { ...options, ...ids, status: "completed" });
  assert.ok(Number.isInteger(durationMs) && durationMs >= 0);
});

test("an agent tells what was set before its end", async () => {
  const { telemetry, all } = recorder();
  const options = { agentName: "planner", agentRunId: "a-1", agentId: "p", action: "plan", spanId: "5", attempt: 1 };
  const figures = { model: "opus", attempt: 2, inputTokens: 900, outputTokens: 80, costUsd: 0.02 };

  await withRun(telemetry, { runId: "r-1", traceId: "t-1" }, (run) =>
    run.withAgent(options, (agent) => void Object.assign(agent, figures)),
  );

  const place = { runId: "r-1", traceId: "t-1" };
  assert.deepEqual(all("agent.run_started"), [{ ...options, ...place }]);
  const [{ durationMs, ...end }] = all("agent.run_completed");
  assert.deepEqual(end, { ...options, ...figures, ...place, status: "completed" });
  assert.ok(Number.isInteger(durationMs));
});

test("agents and their model calls hang below the agent they work for", async () => {
  const { telemetry, tracked, all } = recorder();
  let planner, searcher;
  await withRun(telemetry, {}, (run) =>
    run.withAgent({ agentName: "planner", model: "opus" }, async (agent) => {
      planner = agent;
      await agent.withAgent({ agentName: "searcher" }, (inner) => {
        searcher = inner;
        inner.modelCalled({ model: "haiku", inputTokens: 5 });
      });
      agent.modelCalled();
    }),
  );

  const parents = all("agent.run_started").map((start) => [start.agentName, start.parentSpanId]);
  assert.deepEqual(parents, [
    ["planner", undefined],
    ["searcher", planner.spanId],
  ]);
  const calls = all("agent.model_called").map((call) => [call.parentSpanId, call.agentRunId, call.model]);
  assert.deepEqual(calls, [
    [searcher.spanId, searcher.agentRunId, "haiku"],
    [planner.spanId, planner.agentRunId, "opus"],
  ]);
  const [{ runId, traceId }] = all(STARTED);
  assert.match(runId + traceId, /^[0-9a-f]{64}$/);
  assert.ok(tracked.every(([, properties]) => properties.runId === runId && properties.traceId === traceId));
  const spans = [planner.spanId, searcher.spanId, ...all("agent.model_called").map((call) => call.spanId)];
  assert.equal(new Set(spans).size, 4);
  assert.ok(spans.every((span) => /^[0-9a-f]{16}$/.test(span)));
});

test("what throws is failed, with the class of the error only", async () => {
  class PaymentError extends Error {}
  const renamed = Object.assign(new TypeError("words"), { name: "the user's own words" });
  for (const [error, name] of [
    [new PaymentError("the user's own words"), "PaymentError"],
    [renamed, "TypeError"],
    [new DOMException("words", "TimeoutError"), "TimeoutError"],
    ["words", "String"],
    [undefined, "undefined"],
    [Object.create(null), "object"],
  ]) {
    assert.deepEqual(await endWith(error), Array(2).fill(["failed", name]));
  }
});

test("what is aborted is cancelled", async () => {
  const reason = AbortSignal.abort().reason;
  assert.deepEqual(await endWith(reason), Array(2).fill(["cancelled", undefined]));
});

test("what the work says of its end wins", async () => {
  const { telemetry, all } = recorder();
  const run = withRun(telemetry, {}, async (run) => {
    run.status = "cancelled";
    await run.withAgent({ agentName: "a" }, (agent) => {
      Object.assign(agent, { status: "failed", errorType: "BadAnswer" });
    });
    throw new Error("words");
  });
  await assert.rejects(run);
  assert.equal(all("agent.run_completed")[0].errorType, "BadAnswer");
  assert.deepEqual([all(COMPLETED)[0].status, all(COMPLETED)[0].errorType], ["cancelled", undefined]);
});

test("work goes on without consent and without a portal", async (context) => {
  const { portal, telemetry } = await connect(context, { warnings: false });
  await portal.close();
  const silent = createTelemetry({ url: portal.url, key: "k", consent: false });
  for (const each of [telemetry, silent]) {
    const run = withRun(each, { workflowId: 1n }, (run) => run.withAgent({ agentName: null }, (agent) => agent.spanId));
    assert.match(await run, /^[0-9a-f]{16}$/);
  }
  await portal.open();
});
