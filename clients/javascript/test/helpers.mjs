import { createTelemetry } from "../dist/index.js";
import { Portal } from "./server.mjs";

/** A portal and a client that is quick to send; both go away with the test. */
export async function connect(test, options = {}) {
  const portal = await new Portal().open();
  const heard = { dropped: [], rejected: [], answers: [] };
  const telemetry = createTelemetry({
    url: portal.url,
    key: "wbk_test",
    flushInterval: 5,
    maxBackoff: 20,
    timeout: 5000,
    onDropped: (count, reason) => heard.dropped.push([count, reason]),
    onRejected: (verdict, event) => heard.rejected.push([verdict, event]),
    onAnswer: (events, answer) => heard.answers.push([events, answer]),
    ...options,
  });
  test.after(async () => {
    telemetry.consent(false);
    await portal.close();
  });
  return { portal, telemetry, heard };
}

/** Resolves when the condition holds; fails after five seconds. */
export async function until(condition, milliseconds = 5000) {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const drafts = (portal) => [...portal.stored.values()].map((event) => event.properties.draftId);

export const edit = (telemetry, draftId) =>
  telemetry.track("workbench.draft_edited", { draftId: `${draftId}`, editType: "chat" });
