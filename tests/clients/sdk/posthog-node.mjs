// posthog-node as an application has it. Arguments: the portal's address, a key, a moment.
import { PostHog } from "posthog-node";

const [host, key, moment] = process.argv.slice(2);
const timestamp = new Date(moment);
const posthog = new PostHog(key, { host, flushAt: 2, disableGeoip: true });
const errors = [];
posthog.on("error", (error) => errors.push(String(error)));

const uuids = ["0190a1f2-5e0c-7d5a-9f1e-2b1c5d7e9a10", "0190a1f2-5e0c-7d5a-9f1e-2b1c5d7e9a11"];
const event = "workbench.draft_created";
posthog.capture({
  distinctId: "u-1",
  event,
  properties: { source: "chat", draftId: "d-1", $session_id: "s-1" },
  timestamp,
  uuid: uuids[0],
});
posthog.capture({ distinctId: "s-2", event, properties: { source: "blank" }, timestamp, uuid: uuids[1] });
posthog.identify({ distinctId: "u-1", properties: { email: "ann@example.com" } });
const flags = await posthog.getAllFlags("u-1");
await posthog.shutdown();
console.log(JSON.stringify({ errors, flags, uuids }));
