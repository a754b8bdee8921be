"""(l) Spans of OpenTelemetry at /v1/traces, against the same events at the door."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks import load
from benchmarks.ingest_batch import CONNECTIONS, door_posts, post
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(l) spans"
PATH = "/v1/traces"
# What SDKs export at a time.
SPANS_A_POST = 512
# Of a run: itself, two agents, four calls of models, and a request, which means nothing to the portal.
SPANS_A_RUN = 8
EVENTS_A_RUN = 10
Value = str | int | float


def run(options: Options, databases: Databases) -> list[Comparison]:
    events = Comparison(name="their events, against the door", unit="events/s", bar=">= 0.5")
    spans = Comparison(name="spans", unit="spans/s")
    with site(databases) as portal:
        bodies = list(make_bodies(runs=options.events // EVENTS_A_RUN, seed=6))
        translated = portal.inside.call("events_of_spans", bodies)
        requests = [
            load.post_request(PATH, body=body, key=portal.key, content_type="application/x-protobuf")
            for body in bodies
        ]
        posts = door_posts(translated, key=portal.key)
        export(requests, portal=portal, events=len(translated))
        for _ in range(options.rounds):
            rate = export(requests, portal=portal, events=len(translated))
            forget(portal)
            events.portal.append(rate)
            events.reference.append(post(posts, portal=portal, events=len(translated)))
            spans.portal.append(rate * SPANS_A_RUN / EVENTS_A_RUN)
    return [events, spans]


def forget(portal: Site) -> None:
    portal.inside.call("forget_events")
    portal.inside.call("checkpoint")


def export(requests: list[bytes], *, portal: Site, events: int) -> float:
    """Events a second of the spans into empty tables. Raises UnexpectedAnswer unless every event was accepted."""
    forget(portal)
    seconds, _ = load.post_all(
        requests, port=portal.port, connections=CONNECTIONS, accepted_of=lambda answer: 0
    )
    accepted = portal.inside.call("counts")["accepted"]
    if accepted != events:
        raise load.UnexpectedAnswer(f"{accepted} of {events} events were accepted")
    return events / seconds


def make_bodies(*, runs: int, seed: int) -> Iterator[bytes]:
    """Requests in protobuf with the spans of so many runs of the last hour, SPANS_A_POST in each."""
    random = Random(seed)
    end = datetime.now(UTC)
    for first in range(0, runs, SPANS_A_POST // SPANS_A_RUN):
        request = ExportTraceServiceRequest()
        scope_spans = request.resource_spans.add().scope_spans.add()
        for _ in range(first, min(first + SPANS_A_POST // SPANS_A_RUN, runs)):
            at = end - timedelta(seconds=random.uniform(60, 3600))
            scope_spans.spans.extend(make_run(random, start_ns=int(at.timestamp() * 1e9)))
        yield bytes(request.SerializeToString())


def make_run(random: Random, *, start_ns: int) -> Iterator[Span]:
    """A run's spans, as OpenTelemetry's conventions for GenAI have them."""
    trace = random.randbytes(16)
    shared: dict[str, Value] = {
        "session.id": f"s-{trace.hex()[:12]}",
        "workflow.run.id": f"r-{trace.hex()[:24]}",
    }

    def make(name: str, *, parent: bytes = b"", **attributes: Value) -> Span:
        begins = start_ns + random.randrange(10**9)
        made = Span(
            trace_id=trace,
            # A letter comes first, so that no id passes for the number of a credit card.
            span_id=b"\xf0" + random.randbytes(7),
            parent_span_id=parent,
            name=name,
            start_time_unix_nano=begins,
            end_time_unix_nano=begins + random.randrange(10**10),
        )
        for key, value in {**attributes, **shared}.items():
            field = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
            setattr(made.attributes.add(key=key.replace("__", ".")).value, field, value)
        return made

    workflow = make(
        "workflow.execute", workflow__name=f"Workflow-{random.randrange(12)}", workflow__trigger="api"
    )
    yield workflow
    yield make("GET /threads", parent=workflow.span_id, http__request__method="GET", url__path="/threads")
    for name in ("planner", "writer"):
        agent = make("agent.execute", parent=workflow.span_id, agent__name=name, agent__attempt=1)
        yield agent
        for _ in range(2):
            yield make(
                "chat model",
                parent=agent.span_id,
                gen_ai__operation__name="chat",
                gen_ai__request__model="model",
                gen_ai__usage__input_tokens=random.randrange(4000),
                gen_ai__usage__output_tokens=random.randrange(900),
                gen_ai__usage__cost=random.randrange(10**6) / 10**6,
            )
