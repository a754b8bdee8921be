// @segment/analytics-node, or an SDK that was made from it. Arguments: its package, the portal's address, a key, a moment.
const [name, host, writeKey, moment] = process.argv.slice(2);
const { Analytics } = await import(name);
const analytics = new Analytics({ writeKey, host });

const event = "workbench.draft_created";
const properties = { source: "chat", draftId: "d-1" };
const timestamp = new Date(moment);
analytics.track({ anonymousId: "s-2", event, properties: { ...properties, sessionId: "s-1" }, timestamp });
analytics.track({ anonymousId: "s-2", event, properties });
analytics.identify({ userId: "u-1", traits: { email: "ann@example.com" } });
await analytics.closeAndFlush();
