import ast
import inspect
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.clients.python import CLIENT_NAMES, free_names, python_events, snake_case
from telemetry.plan import get_plan, parse_plan

SOURCE = Path(__file__).parents[3] / "clients" / "python" / "src"
sys.path.insert(0, str(SOURCE))

AWKWARD_PLAN = r'''
version: 3
vocabulary: {}
events:
  track.import:
    description: 'It ends """ early \ and "quotes"'
    emitted_when: "Over\ntwo lines."
    deprecated: {until: 2030-12-31, instead: other.thing_done}
    required:
      class: {type: integer, minimum: 1, maximum: 9, description: A keyword.}
      sessionId: {type: id, description: Hides what every event has.}
      userID: {type: id, description: One.}
      userId: {type: id, description: Another.}
    optional:
      self: {type: number, minimum: 0, maximum: 1, description: Hides the client.}
      ways: {type: enum, values: ['a"b', 'c\d'], description: Quoted., deprecated: {until: 2030-12-31}}
  other.thing_done:
    description: Nothing in it.
    emitted_when: Always.
'''


def load(text):
    """The module's names, and a client of it that notes what it is asked to track."""
    module = {}
    exec(compile(text, "events.py", "exec"), module)

    class Noting(module["Events"]):
        tracked = []

        def track(self, event, **content):
            self.tracked.append((event, content))
            return "id"

    return module, Noting()


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("draftId", "draft_id"),
        ("durationMs", "duration_ms"),
        ("costUsd", "cost_usd"),
        ("costUSD", "cost_usd"),
        ("toolIds", "tool_ids"),
        ("source", "source"),
        ("sha256Sum", "sha256_sum"),
        ("HTTPStatus", "http_status"),
        ("aB", "a_b"),
    ],
)
def test_turns_camel_case_into_snake_case(name, snake):
    assert snake_case(name) == snake


@given(st.lists(st.from_regex(r"[a-z][A-Za-z0-9]{0,5}", fullmatch=True), unique=True, max_size=8))
@settings(max_examples=50)
def test_no_two_parameters_have_one_name(names):
    found = free_names(names, taken=("self", "session_id"))

    assert list(found) == names
    assert len(set(found.values()) - {"self", "session_id"}) == len(names)


def test_every_event_of_the_plan_is_a_method_that_sends_what_it_is_given():
    plan = get_plan()

    _, client = load(python_events(plan))

    for event in plan.events.values():
        area, _, name = event.name.partition(".")
        method = getattr(getattr(client, area), name)
        values = {snake_case(definition.name): definition.name for definition in event.properties}
        assert method(session_id="s-1", **values) == "id"
        assert client.tracked.pop() == (
            event.name,
            {
                "session_id": "s-1",
                "properties": {definition.name: definition.name for definition in event.properties} or None,
                "timestamp": None,
                "event_id": None,
            },
        )


def test_names_every_event_for_a_type_checker():
    module, _ = load(python_events(get_plan()))

    assert get_args(module["EventName"]) == tuple(get_plan().events)


def test_requires_what_the_plan_requires_and_takes_only_keywords():
    module, _ = load(python_events(get_plan()))

    parameters = inspect.signature(module["WorkbenchEvents"].draft_created).parameters

    required = [
        name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty
    ]

    assert required == ["self", "session_id", "source"]
    assert {parameter.kind for name, parameter in parameters.items() if name != "self"} == {
        inspect.Parameter.KEYWORD_ONLY
    }
    assert parameters["source"].annotation == "Literal['chat', 'template', 'blank']"
    assert parameters["node_count"].annotation == "int | None"


def test_names_that_python_or_the_client_has_get_an_underscore():
    _, client = load(python_events(parse_plan(AWKWARD_PLAN, name="plan.yaml")))

    client.track_.import_(
        session_id="s-1", class_=1, session_id_="s-2", user_id="u-1", user_id_="u-2", self_=0.5
    )

    client.other.thing_done(session_id="s-1")

    assert [(event, content["properties"]) for event, content in client.tracked] == [
        (
            "track.import",
            {"class": 1, "sessionId": "s-2", "userID": "u-1", "userId": "u-2", "self": 0.5, "ways": None},
        ),
        ("other.thing_done", None),
    ]


def test_says_what_the_plan_says():
    module, _ = load(python_events(parse_plan(AWKWARD_PLAN, name="plan.yaml")))

    assert inspect.cleandoc(module["TrackEvents"].import_.__doc__).splitlines() == [
        'It ends """ early \\ and "quotes"',
        "",
        "When: Over two lines. Deprecated: rejected after 2030-12-31. Instead: other.thing_done.",
        "",
        "class_: A keyword.",
        "session_id_: Hides what every event has.",
        "user_id: One.",
        "user_id_: Another.",
        "self_: Hides the client.",
        "ways: Quoted. Deprecated: rejected after 2030-12-31.",
    ]


def test_can_be_read_by_python_3_9():
    for plan in (get_plan(), parse_plan(AWKWARD_PLAN, name="plan.yaml")):
        tree = ast.parse(python_events(plan), feature_version=(3, 9))
        assert isinstance(tree.body[-1], ast.ClassDef)


def test_no_area_can_hide_what_the_client_has():
    from workbench_analytics import BaseClient, Client, Events

    names = {*dir(BaseClient), *dir(Client)} - {*dir(Events)} | {"track"}
    assert {name for name in names if not name.startswith("_")} == CLIENT_NAMES
