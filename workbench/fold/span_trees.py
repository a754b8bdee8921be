"""Which agent run made a model call: the nearest one above it in its trace.

It is no merge: an agent's span usually comes after those of its calls. So the calls of a whole trace are looked at anew
whenever more of it is known, and the order of arrival cannot matter. The function here is pure; call_owners.py reads
the rows and writes the result.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from uuid import UUID

# A span within its trace.
SpanId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TracedCall:
    """A model call; `agent_run_id` is the agent run that its event names, empty when it names none."""

    event_key: UUID
    agent_run_id: str
    trace_id: str
    span_id: str
    parent_span_id: str


@dataclass(frozen=True, slots=True)
class TracedAgent:
    """An agent run that has a span."""

    agent_run_id: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class TracedSpan:
    """A span of no role, and the one above it."""

    trace_id: str
    span_id: str
    parent_span_id: str


def find_owners(
    *,
    calls: Collection[TracedCall],
    agents: Iterable[TracedAgent],
    links: Iterable[TracedSpan],
    known: Collection[str],
) -> dict[UUID, str]:
    """Event key to the agent run that made the call; a call of which none is found is absent.

    It must be given all of the traces that the calls are in. `known` are those agent runs that exist of the ones that
    the calls name: such a name decides. Otherwise the way goes up from the call, through other calls and spans of no
    role, to the first agent run. Where senders contradict each other it takes the shortest way, and the smallest id.
    """
    agents_at = _smallest_agents(agents)
    parents = _parents([*calls, *links])
    owners = {
        call.event_key: call.agent_run_id
        if call.agent_run_id in known
        else _nearest(call, agents_at=agents_at, parents=parents)
        for call in calls
    }
    return {event_key: owner for event_key, owner in owners.items() if owner}


def _smallest_agents(agents: Iterable[TracedAgent]) -> dict[SpanId, str]:
    smallest: dict[SpanId, str] = {}
    for agent in agents:
        place = agent.trace_id, agent.span_id
        smallest[place] = min(agent.agent_run_id, smallest.get(place, agent.agent_run_id))
    return smallest


def _parents(spans: Iterable[TracedCall | TracedSpan]) -> Mapping[SpanId, Set[str]]:
    parents: defaultdict[SpanId, set[str]] = defaultdict(set)
    for span in spans:
        if span.parent_span_id:
            parents[span.trace_id, span.span_id].add(span.parent_span_id)
    return parents


def _nearest(call: TracedCall, *, agents_at: Mapping[SpanId, str], parents: Mapping[SpanId, Set[str]]) -> str:
    above = {call.parent_span_id} - {""}
    passed: set[str] = set()
    while above:
        found = [agents_at[call.trace_id, span] for span in above if (call.trace_id, span) in agents_at]
        if found:
            return min(found)
        passed |= above
        above = {parent for span in above for parent in parents.get((call.trace_id, span), ())} - passed
    return ""
