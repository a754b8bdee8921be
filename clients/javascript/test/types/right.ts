// All of this compiles.

import { createTelemetry, type Options, type Telemetry, type Verdict } from "@workbench-analytics/client";
import { withRun } from "@workbench-analytics/client/runs";

const options: Options = { url: "https://portal.example", key: "k", onRejected: (verdict: Verdict) => verdict.code };
const telemetry: Telemetry = createTelemetry(options);

telemetry.track("workbench.draft_created", { source: "chat" });
telemetry.track("workbench.draft_created", { source: "template", templateId: "t-1", nodeCount: 3 });
telemetry.track("workbench.draft_created", { source: "blank", draftId: undefined });
telemetry.track("workbench.chat_message_sent");
telemetry.track("workbench.chat_message_sent", {});
telemetry.track("workbench.approval_requested", { toolIds: ["a", "b"] as const, contextType: "run" });
telemetry.track("appserver.request_completed", { route: "/threads/{id}", method: "GET", status: 200, durationMs: 5 });

const status = (["completed", "failed"] as const)[0];
const run = { runId: "r-1", status, durationMs: 12 };
telemetry.track("workbench.workflow_run_completed", run);

const sent: Promise<void> = telemetry.flush();
sent.then(() => telemetry.shutdown());

const done: Promise<number> = withRun(telemetry, { workflowId: "w-1", trigger: "user" }, (run) =>
  run.withAgent({ agentName: "planner", model: "opus" }, async (agent) => {
    agent.costUsd = 0.02;
    agent.modelCalled({ inputTokens: 900, status: "failed" });
    return agent.attempt ?? 1;
  }),
);
done.then((attempt) => attempt + 1);

interface OwnEvents {
  "shop.ordered": { count: number };
  "shop.opened": {};
}
const own = createTelemetry<OwnEvents>(options);
own.track("shop.ordered", { count: 1 });
own.track("shop.opened");
