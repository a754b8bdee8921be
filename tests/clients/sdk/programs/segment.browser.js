// @segment/analytics-next in a page. `variant`: "batches" or nothing.
async ([host, writeKey, moment, variant]) => {
  const deliveryStrategy = variant === "batches" ? { strategy: "batching", config: { timeout: 300 } } : {};
  const options = { integrations: { "Segment.io": { deliveryStrategy } } };
  const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL: host }, options);
  const event = "workbench.draft_created";
  const properties = { source: "chat", draftId: "d-1" };
  await analytics.track(event, { ...properties, sessionId: "s-1" }, { timestamp: moment });
  await analytics.track(event, properties, { anonymousId: "s-2" });
  await analytics.identify("u-1", { email: "ann@example.com" });
};
