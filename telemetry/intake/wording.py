"""What a protocol calls the parts of an event: messages and fields use its words, and not the portal's."""

from collections.abc import Callable, Container, Mapping

import msgspec


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """The words for one event. `parts` are those that differ from the portal's: "sessionId" → "anonymousId".

    `session` says where a session can stand. `foreign` are names beside the properties that mean a part of the event,
    in lower-case letters only, with what to do about each. `outside` are the names that stand beside the properties.
    `properties` are those that have a name of their own in the protocol.
    """

    session: str
    parts: Mapping[str, str] = msgspec.field(default_factory=dict)
    foreign: Mapping[str, str] = msgspec.field(default_factory=dict)
    outside: Container[str] = frozenset()
    properties: Mapping[str, str] = msgspec.field(default_factory=dict)

    def part(self, name: str) -> str:
        """What the protocol calls a part of the event."""
        return self.parts.get(name, name)

    def property(self, name: str) -> str:
        """The path of a property."""
        return f"{self.part('properties')}.{self.properties.get(name, name)}"


# The words for an event of a post, by its index.
WordingOf = Callable[[int], Wording]

SEGMENT = "A call of Segment's libraries is posted to /v1/track, a batch to /v1/batch."
POSTHOG = "What PostHog's libraries send is posted to /capture/, a batch to /batch/."
CLOUDEVENTS = "A CloudEvent needs the Content-Type application/cloudevents+json."

OWN = Wording(
    session="Set sessionId beside event.",
    foreign={
        **dict.fromkeys(("session", "sessionid", "sid"), "Did you mean sessionId?"),
        **dict.fromkeys(("name", "eventname", "action"), "Did you mean event?"),
        **dict.fromkeys(("eventid", "uid", "insertid"), "Did you mean id?"),
        **dict.fromkeys(
            ("time", "ts", "date", "datetime", "occurredat", "createdat"), "Did you mean timestamp?"
        ),
        **dict.fromkeys(("props", "payload", "params", "attributes", "property"), "Did you mean properties?"),
        **dict.fromkeys(
            ("messageid", "anonymousid", "writekey", "originaltimestamp", "integrations", "context"),
            f"{SEGMENT} Here an event has event, id, sessionId, timestamp and properties.",
        ),
        **dict.fromkeys(
            ("apikey", "distinctid", "uuid", "token"),
            f"{POSTHOG} Here an event has event, id, sessionId, timestamp and properties.",
        ),
        **dict.fromkeys(("specversion", "datacontenttype"), CLOUDEVENTS),
        "environment": "The key fixes the environment. Leave this out.",
    },
)


def own_wording(_index: int) -> Wording:
    """The portal's own words, which are the same for every event."""
    return OWN
