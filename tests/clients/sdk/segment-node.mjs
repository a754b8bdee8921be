// @segment/analytics-node as an application has it. Arguments: the portal's address, a write key, a moment.
import { Analytics } from "@segment/analytics-node";

const [host, writeKey, moment] = process.argv.slice(2);
const timestamp = new Date(moment);
const analytics = new Analytics({ writeKey, host, flushAt: 3, maxRetries: 1 });
const errors = [];
analytics.on("error", (error) => errors.push(String(error.reason ?? error)));

const event = "workbench.draft_created";
const properties = { source: "chat", draftId: "d-1" };
analytics.track({ anonymousId: "s-1", event, properties, timestamp, messageId: "m-1" });
analytics.track({ userId: "u-1", event, properties: { ...properties, sessionId: "s-2" }, timestamp, messageId: "m-2" });
analytics.track({ userId: "u-1", event, properties, timestamp, messageId: "m-3", context: { sessionId: "s-3" } });
analytics.identify({ userId: "u-1", traits: { email: "ann@example.com" } });
analytics.page({ userId: "u-1", name: "start" });
for (let number = 0; number < 50; number += 1) {
  analytics.track({ anonymousId: "s-4", event: "workbench.session_started", messageId: `n-${number}` });
}
await analytics.closeAndFlush();
console.log(JSON.stringify(errors));
