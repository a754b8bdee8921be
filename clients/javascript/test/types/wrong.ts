// Each line that ends with "// error" must not compile, and no other.

import { createTelemetry } from "@workbench-analytics/client";
import { withRun } from "@workbench-analytics/client/runs";

const telemetry = createTelemetry({ url: "https://portal.example", key: "k" });

telemetry.track("workbench.draft_creatd", { source: "chat" }); // error
telemetry.track("workbench.draft_created"); // error
telemetry.track("workbench.draft_created", {}); // error
telemetry.track("workbench.draft_created", { source: "phone" }); // error
telemetry.track("workbench.draft_created", { source: "chat", sorce: "chat" }); // error
telemetry.track("workbench.draft_created", { source: "chat", nodeCount: "3" }); // error
telemetry.track("workbench.draft_created", { source: null }); // error
telemetry.track("workbench.chat_message_sent", { text: "what the user wrote" }); // error
telemetry.track("workbench.approval_completed", { approved: "yes" }); // error
telemetry.track("workbench.approval_requested", { toolIds: "a", contextType: "run" }); // error
telemetry.track("workbench.template_inserted", { templateId: "t-1" }); // error
telemetry.track("workbench.chat_message_sent", {}, {}); // error
telemetry.track("toString"); // error

const inVariable = { source: "chat" as const, text: "what the user wrote" };
telemetry.track("workbench.draft_created", inVariable); // error

createTelemetry({ url: "https://portal.example" }); // error
createTelemetry({ url: "https://portal.example", key: "k", flushat: 3 }); // error

withRun(telemetry, { trigger: "manual" }, () => {}); // error
withRun(telemetry, {}, (run) => run.withAgent({ model: "opus" }, () => {})); // error
withRun(telemetry, {}, (run) => run.withAgent({ agentName: "a" }, (agent) => agent.modelCalled({ tokens: 1 }))); // error

interface OwnEvents {
  "shop.ordered": { count: number };
}
const own = createTelemetry<OwnEvents>({ url: "https://portal.example", key: "k" });
own.track("shop.ordered", { count: "1" }); // error
own.track("workbench.draft_created", { source: "chat" }); // error
