"""PostHog's Python SDK. Arguments: the portal's address, a key, a moment."""

import sys
from datetime import datetime

from posthog import Posthog

host, key, moment = sys.argv[1:]
client = Posthog(key, host=host)

event = "workbench.draft_created"
properties = {"source": "chat", "draftId": "d-1"}
client.capture(
    event,
    distinct_id="s-2",
    properties={**properties, "sessionId": "s-1"},
    timestamp=datetime.fromisoformat(moment),
)
client.capture(event, distinct_id="s-2", properties=properties)
client.set(distinct_id="u-1", properties={"email": "ann@example.com"})
client.shutdown()
