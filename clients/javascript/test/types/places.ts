// Calls over several lines: the compiler refuses each line that ends with "// error", and no other.

import { createTelemetry } from "@workbench-analytics/client";

const telemetry = createTelemetry({ url: "https://portal.example", key: "k" });

telemetry.track(
  "workbench.draft_creatd", // error
  { source: "chat" },
);
telemetry.track(
  "workbench.draft_created",
  {
    source: "chat",
    sorce: "chat", // error
    draftId: "d-1",
  },
);
telemetry.track(
  "workbench.draft_created",
  {
    source: "chat",
    nodeCount: "3", // error
    draftId: "d-1",
  },
);
telemetry.track("workbench.draft_created", {
  draftId: "d-1",
  source: "phone", // error
});
telemetry.track(
  "workbench.draft_created",
  { nodeCount: 3 }, // error
);
telemetry.track(
  "workbench.chat_message_sent",
  {
    text: "what the user wrote", // error
  },
);
telemetry.track(
  "workbench.draft_created",
  { source: "chat" },
  {}, // error
);
const inVariable = { source: "chat" as const, text: "what the user wrote" };
telemetry.track(
  "workbench.draft_created",
  inVariable, // error
);
const telemetryWithFault = createTelemetry({
  url: "https://portal.example",
  key: "k",
  flushat: 3, // error
});
telemetryWithFault.track(
  "workbench.approval_requested",
  {
    contextType: "run",
    toolIds: "a", // error
  },
);

declare const anyText: string;
declare const mayBeMissing: string | undefined;
telemetry.track(
  "workbench.draft_created",
  {
    sorce: "chat", // error
    draftId: "d-1",
  },
);
telemetry.track(
  "workbench.draft_created",
  {
    source: anyText, // error
    draftId: "d-1",
  },
);
telemetry.track(
  "workbench.draft_created",
  {
    source: "phone", // error
    nodeCount: "3", // error
  },
);
telemetry.track(
  "workbench.draft_created",
  {
    source: "chat",
    nodeCount: "3", // error
    draftId: 1, // error
  },
);
telemetry.track(
  "workbench.template_inserted",
  {
    templateId: "t-1",
    draftId: mayBeMissing, // error
  },
);
telemetry.track(
  "workbench.draft_created",
  {
    source: Math.random() > 0.5 ? "chat" : "phone", // error
    nodeCount: 3,
  },
);
telemetry.track(
  "workbench.draft_created",
  {
    ...{ source: "chat" as const },
    nodeCount: true, // error
  },
);
telemetry.track(
  "workbench.draft_creatd", // error
  {
    source: "chat",
    nodeCount: 3,
  },
);
telemetry.track( // error
  "workbench.draft_created",
);
