// @segment/analytics-next in a page.
async ([host, writeKey, moment]) => {
  const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL: host });
  const event = "workbench.draft_created";
  const properties = { source: "chat", draftId: "d-1" };
  await analytics.track(event, { ...properties, sessionId: "s-1" }, { timestamp: moment });
  await analytics.track(event, properties, { anonymousId: "s-2" });
  await analytics.identify("u-1", { email: "ann@example.com" });
};
