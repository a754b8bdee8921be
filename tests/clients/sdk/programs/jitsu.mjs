// Jitsu's SDK. Arguments: the portal's address, a key, a moment, which it has no place for.
import { jitsuAnalytics } from "@jitsu/js";

const [host, writeKey] = process.argv.slice(2);
const analytics = jitsuAnalytics({ host, writeKey: `key-1:${writeKey}` });

const event = "workbench.draft_created";
const properties = { source: "chat", draftId: "d-1" };
await analytics.track(event, { ...properties, sessionId: "s-1" });
await analytics.track(event, { ...properties, sessionId: "s-2" });
await analytics.identify("u-1", { email: "ann@example.com" });
