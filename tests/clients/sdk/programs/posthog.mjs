// PostHog's SDK for Node. Arguments: the portal's address, a key, a moment.
import { PostHog } from "posthog-node";

const [host, key, moment] = process.argv.slice(2);
const posthog = new PostHog(key, { host });

const event = "workbench.draft_created";
const properties = { source: "chat", draftId: "d-1" };
const timestamp = new Date(moment);
posthog.capture({ distinctId: "s-2", event, properties: { ...properties, sessionId: "s-1" }, timestamp });
posthog.capture({ distinctId: "s-2", event, properties });
posthog.identify({ distinctId: "u-1", properties: { email: "ann@example.com" } });
await posthog.shutdown();
