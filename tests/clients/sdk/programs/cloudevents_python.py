"""The CloudEvents SDK of Python, in its three modes. Arguments: the portal's address, a key, a moment."""

import sys
from datetime import datetime

import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

host, key, moment = sys.argv[1:]


def make_event(**attributes: object) -> CloudEvent:
    given = {"source": "/app", "type": "workbench.draft_created", "datacontenttype": "application/json"}
    return CloudEvent(attributes=given | attributes, data={"source": "chat", "draftId": "d-1"})


def post(body: bytes, headers: dict[str, str]) -> None:
    headers = {**headers, "Authorization": f"Bearer {key}"}
    address = f"{host}/api/workbench/telemetry"
    requests.post(address, data=body, headers=headers, timeout=10).raise_for_status()


first = make_event(sessionid="s-1", time=datetime.fromisoformat(moment))
second = make_event(sessionid="s-2")
for message in (to_structured_event(first), to_binary_event(second)):
    post(message.body, dict(message.headers))
batch = b"[" + b",".join(JSONFormat().write(event) for event in (first, second)) + b"]"
post(batch, {"Content-Type": "application/cloudevents-batch+json"})
