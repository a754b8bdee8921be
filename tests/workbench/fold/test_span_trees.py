"""Which agent run made a call: the nearest one above it, however the spans come."""

from uuid import UUID

from workbench.fold.span_trees import TracedAgent, TracedCall, TracedSpan, find_owners


def call(
    parent: str, *, named: str = "", span: str = "call", trace: str = "t", number: int = 1
) -> TracedCall:
    return TracedCall(UUID(int=number), named, trace, span, parent)


def agent(name: str, span: str, trace: str = "t") -> TracedAgent:
    return TracedAgent(name, trace, span)


def link(span: str, parent: str, trace: str = "t") -> TracedSpan:
    return TracedSpan(trace, span, parent)


def owner(
    of: TracedCall,
    *others: TracedCall,
    agents: tuple[TracedAgent, ...] = (),
    links: tuple[TracedSpan, ...] = (),
    known: tuple[str, ...] = (),
) -> str:
    owners = find_owners(calls=[of, *others], agents=agents, links=links, known=known)
    return owners.get(of.event_key, "")


def test_a_call_belongs_to_the_agent_right_above_it() -> None:
    assert owner(call("1"), agents=(agent("a", "1"), agent("b", "2"))) == "a"


def test_the_way_up_goes_through_other_calls_and_links() -> None:
    between = call("3", span="2", number=2)

    assert owner(call("1"), between, links=(link("1", "2"), link("3", "4")), agents=(agent("a", "4"),)) == "a"


def test_the_way_up_ends_at_the_first_agent() -> None:
    assert (
        owner(call("1"), links=(link("1", "2"), link("2", "3")), agents=(agent("a", "2"), agent("b", "3")))
        == "a"
    )


def test_a_span_that_is_not_known_ends_the_way() -> None:
    assert owner(call("1"), links=(link("2", "3"),), agents=(agent("a", "3"),)) == ""


def test_another_trace_has_other_spans() -> None:
    assert owner(call("1"), agents=(agent("a", "1", trace="u"),), links=(link("1", "2", trace="u"),)) == ""


def test_an_agent_without_a_span_is_above_no_call_without_a_parent() -> None:
    assert owner(call(""), agents=(agent("a", ""),)) == ""


def test_a_known_agent_that_the_call_names_wins() -> None:
    agents = (agent("a", "1"),)

    assert owner(call("1", named="b"), agents=agents, known=("b",)) == "b"
    assert owner(call("1", named="b"), agents=agents) == "a"


def test_a_circle_ends() -> None:
    assert owner(call("1"), links=(link("1", "2"), link("2", "1"))) == ""


def test_of_contradicting_parents_the_shortest_way_and_of_two_agents_the_smallest_id_wins() -> None:
    links = (link("1", "2"), link("1", "4"), link("4", "5"))

    assert owner(call("1"), links=links, agents=(agent("b", "2"), agent("a", "5"))) == "b"
    assert owner(call("1"), links=links, agents=(agent("b", "2"), agent("a", "4"))) == "a"
