// @rudderstack/analytics-js in a page. `variant`: "beacons" or nothing.
([host, writeKey, moment, variant]) => {
  const analytics = new rudderanalytics.RudderAnalytics();
  const beaconQueueOptions = { flushQueueInterval: 500 };
  analytics.load(writeKey, host, { configUrl: host, useBeacon: variant === "beacons", beaconQueueOptions });
  analytics.startSession(1234567890);
  const event = "workbench.draft_created";
  const properties = { source: "chat", draftId: "d-1" };
  analytics.track(event, { ...properties, sessionId: "s-1" }, { originalTimestamp: moment });
  analytics.track(event, properties);
  analytics.identify("u-1", { email: "ann@example.com" });
};
