// posthog-js in a page. `variant`: "beacons" or nothing.
([host, key, moment, variant]) => {
  posthog.init(key, {
    api_host: host,
    autocapture: false,
    ...(variant === "beacons" ? { api_transport: "sendBeacon", request_batching: false } : {}),
    capture_pageview: false,
    capture_pageleave: false,
    save_campaign_params: false,
    disable_session_recording: true,
    opt_out_useragent_filter: true, // It sends nothing from browsers that programs steer.
    bootstrap: { distinctID: "s-2" },
  });
  const event = "workbench.draft_created";
  const properties = { source: "chat", draftId: "d-1" };
  posthog.capture(event, { ...properties, sessionId: "s-1" }, { timestamp: new Date(moment) });
  posthog.capture(event, { ...properties, sessionId: "s-2" });
  posthog.identify("u-1", { email: "ann@example.com" });
};
