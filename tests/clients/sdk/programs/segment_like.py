"""Segment's Python SDK, or one that was made from it. Arguments: its module, the portal's address, a key, a moment."""

import importlib
import sys
from datetime import datetime

module, host, key, moment = sys.argv[1:]
client = importlib.import_module(f"{module}.client").Client(key, host=host)

event = "workbench.draft_created"
properties = {"source": "chat", "draftId": "d-1"}
client.track(
    anonymous_id="s-2",
    event=event,
    properties={**properties, "sessionId": "s-1"},
    timestamp=datetime.fromisoformat(moment),
)
client.track(anonymous_id="s-2", event=event, properties=properties)
client.identify("u-1", {"email": "ann@example.com"})
client.shutdown()
