import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from django.conf import settings as portal_settings
from django.test import override_settings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telemetry.intake.privacy import looks_like_pii, pseudonymise
from telemetry.intake.problems import MAX_PROBLEMS, find_problems
from telemetry.intake.validation import MAX_EVENT_BYTES, RejectedEvent, ValidEvent, check_event
from telemetry.plan import get_compiled_plan, get_plan
from tests.telemetry.builders import MISSING, make_event, make_properties, to_json
from tests.telemetry.intake.test_privacy import HARMLESS, PII

NOW = datetime(2026, 2, 15, 12, tzinfo=UTC)
EVENTS = get_plan().events


def check(raw, now=NOW):
    return check_event(raw if isinstance(raw, bytes) else to_json(raw), now=now)


def faults(raw, now=NOW):
    """(code, field) of each problem; empty for a good event."""
    verdict = check(raw, now)
    return (
        []
        if isinstance(verdict, ValidEvent)
        else [(problem.code, problem.field) for problem in verdict.problems]
    )


def with_properties(event="workbench.draft_created", **properties):
    return make_event(event, properties={"source": "chat", **properties})


def test_hands_on_a_good_event():
    assert check(make_event()) == ValidEvent(
        event="workbench.draft_created",
        event_id="e-1",
        session_id="s-1",
        occurred_at=datetime(2026, 2, 15, 11, tzinfo=UTC),
        properties='{"source":"chat","draftId":"d-1"}',
        warnings=(),
    )


def test_takes_an_event_that_is_part_of_a_body():
    [raw] = msgspec.json.decode(to_json([make_event()]), type=list[msgspec.Raw])

    assert check_event(raw, now=NOW) == check(make_event())


def test_writes_properties_in_the_order_of_the_plan_whatever_the_order_of_the_client():
    event = make_event(properties={"nodeCount": 3, "draftId": "d-1", "source": "chat"})

    assert check(event).properties == '{"source":"chat","draftId":"d-1","nodeCount":3}'
    assert check(json.dumps(event, indent=2).encode()) == check(event)


def test_id_and_unneeded_properties_may_be_left_out():
    verdict = check(make_event("workbench.session_started", id=MISSING, properties=MISSING))

    assert (verdict.event_id, verdict.properties) == ("", "{}")


@pytest.mark.parametrize("number", [b"3.0", b"3e0", b"0.3e1", b"30E-1"])
def test_a_whole_number_may_have_a_point_and_is_kept_without(number):
    event = with_properties(nodeCount=3)

    assert check(to_json(event).replace(b":3", b":" + number)) == check(event)


def test_an_event_whose_key_stands_twice_is_not_mended():
    raw = to_json(with_properties(nodeCount=3)).replace(
        b'"id":"e-1"', b'"id":"e-1","id":"e-2","id":7,"id":"e-3"'
    )

    assert [problem.code for problem in check(raw).problems] == ["wrong_type"]


def test_reads_escapes_as_what_they_stand_for():
    raw = to_json(make_event()).replace(b"d-1", b"d\\u002d1")

    assert check(raw) == check(make_event())


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (make_event(event=MISSING), [("missing_property", "event")]),
        (make_event(event=5), [("wrong_type", "event")]),
        (make_event(event=None), [("wrong_type", "event")]),
        (make_event(event="workbench.nonsense"), [("unknown_event", "event")]),
        (make_event(event="workbench.draft_created "), [("unknown_event", "event")]),
        (make_event(sessionId=MISSING), [("missing_property", "sessionId")]),
        (make_event(sessionId=5), [("wrong_type", "sessionId")]),
        (make_event(sessionId=""), [("bad_id", "sessionId")]),
        (make_event(sessionId="a b"), [("bad_id", "sessionId")]),
        (make_event(sessionId="é"), [("bad_id", "sessionId")]),
        (make_event(sessionId="a" * 128), []),
        (make_event(sessionId="a" * 129), [("too_long", "sessionId")]),
        (make_event(timestamp=MISSING), [("missing_property", "timestamp")]),
        (make_event(timestamp=5), [("bad_timestamp", "timestamp")]),
        (make_event(timestamp="2026-02-15T11:00:00"), [("bad_timestamp", "timestamp")]),
        (make_event(id="a" * 100), []),
        (make_event(id="a b é"), []),
        (make_event(id="a" * 101), [("bad_id", "id")]),
        (make_event(id=""), [("bad_id", "id")]),
        (make_event(id="\0"), [("bad_id", "id")]),
        (make_event(id="\ud800"), [("bad_id", "id")]),
        (make_event(id=5), [("bad_id", "id")]),
        (make_event(id=None), [("bad_id", "id")]),
        (make_event(more=1), [("unknown_property", "more")]),
        (make_event(**{"a b": 1}), [("unknown_property", "<3 characters>")]),
        (make_event(properties=MISSING), [("missing_property", "properties.source")]),
        (
            make_event(properties=None),
            [("wrong_type", "properties"), ("missing_property", "properties.source")],
        ),
        (
            make_event(properties=[]),
            [("wrong_type", "properties"), ("missing_property", "properties.source")],
        ),
        (with_properties(more=1), [("unknown_property", "properties.more")]),
        (with_properties(more={"deep": [1]}), [("unknown_property", "properties.more")]),
        (with_properties(source="Chat"), [("not_in_enum", "properties.source")]),
        (with_properties(source=None), [("wrong_type", "properties.source")]),
        (with_properties(draftId=""), [("bad_id", "properties.draftId")]),
        (with_properties(draftId="a" * 129), [("too_long", "properties.draftId")]),
        (with_properties(draftId=5), [("wrong_type", "properties.draftId")]),
        (with_properties(nodeCount=0), []),
        (with_properties(nodeCount=2**31 - 1), []),
        (with_properties(nodeCount=2**31), [("out_of_range", "properties.nodeCount")]),
        (with_properties(nodeCount=-1), [("out_of_range", "properties.nodeCount")]),
        (with_properties(nodeCount=1.0), []),
        (with_properties(nodeCount=1.5), [("wrong_type", "properties.nodeCount")]),
        (with_properties(nodeCount=True), [("wrong_type", "properties.nodeCount")]),
        (with_properties(nodeCount="1"), [("wrong_type", "properties.nodeCount")]),
        (5, [("wrong_type", "")]),
        (None, [("wrong_type", "")]),
        ([], [("wrong_type", "")]),
        ("text", [("wrong_type", "")]),
    ],
)
def test_judges_every_part_of_an_event(event, expected):
    assert faults(event) == expected


def test_lists_all_problems_of_an_event():
    event = make_event(
        sessionId="",
        timestamp="yesterday",
        id="",
        more=1,
        properties={"draftId": "a b", "nodeCount": -1, "userId": "anna@example.com"},
    )

    assert faults(event) == [
        ("bad_id", "id"),
        ("bad_id", "sessionId"),
        ("bad_timestamp", "timestamp"),
        ("unknown_property", "more"),
        ("missing_property", "properties.source"),
    ]
    properties = {"draftId": "a b", "nodeCount": -1, "userId": "anna@example.com"}
    assert faults(make_event(properties=properties)) == [
        ("missing_property", "properties.source"),
        ("bad_id", "properties.draftId"),
        ("out_of_range", "properties.nodeCount"),
        ("looks_like_pii", "properties.userId"),
        ("unknown_property", "properties.userId"),
    ]


def test_lists_at_most_five_problems():
    assert len(faults(with_properties(**{f"k{number}": 1 for number in range(500)}))) == MAX_PROBLEMS


def test_messages_never_repeat_the_value():
    verdict = check(make_event(sessionId="se cret", properties={"source": "secret", "secret word": "secret"}))

    assert "secret" not in " ".join(problem.message + problem.field for problem in verdict.problems)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOW + timedelta(minutes=10), []),
        (NOW + timedelta(minutes=10, microseconds=1), [("timestamp_in_future", "timestamp")]),
        (NOW - timedelta(days=30), []),
        (NOW - timedelta(days=30, microseconds=1), [("timestamp_too_old", "timestamp")]),
    ],
)
def test_the_time_window_includes_its_ends(moment, expected):
    assert portal_settings.LATE_WINDOW_DAYS == 30
    assert faults(make_event(timestamp=moment.isoformat())) == expected


def test_the_late_window_is_a_setting():
    event = make_event(timestamp="2026-02-13T11:00:00Z")

    with override_settings(LATE_WINDOW_DAYS=1):
        assert faults(event) == [("timestamp_too_old", "timestamp")]

    assert faults(event) == []


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        ("0001-01-01T00:00:00+14:00", "timestamp_too_old"),
        ("9999-12-31T23:59:59-14:00", "timestamp_in_future"),
        ("2026-02-15T11:59:60Z", "bad_timestamp"),
        ("2026-02-14T24:00:00Z", "bad_timestamp"),
    ],
)
def test_judges_strange_moments(timestamp, code):
    assert faults(make_event(timestamp=timestamp)) == [(code, "timestamp")]


def test_cuts_a_timestamp_off_at_microseconds():
    verdict = check(make_event(timestamp="2026-02-14T23:59:59.9999999Z"))

    assert verdict.occurred_at == datetime(2026, 2, 14, 23, 59, 59, 999_999, tzinfo=UTC)
    assert verdict.occurred_at.date() == date(2026, 2, 14)


def padded(size):
    """A good event of so many bytes, filled up with blanks between the tokens."""
    raw = to_json(make_event())
    return raw[:-1] + b" " * (size - len(raw)) + b"}"


def test_measures_the_bytes_of_an_event():
    assert faults(padded(MAX_EVENT_BYTES)) == []
    assert faults(padded(MAX_EVENT_BYTES + 1)) == [("event_too_large", "")]


def test_lists_the_other_problems_of_an_event_that_is_too_large():
    assert faults(with_properties(more="x" * MAX_EVENT_BYTES)) == [
        ("event_too_large", ""),
        ("unknown_property", "properties.more"),
    ]


@pytest.mark.parametrize("value", [text for text in PII if len(text) <= 100 and text.isprintable()])
@pytest.mark.parametrize("place", ["id", "sessionId", "event", "draftId", "source", "unknown"])
def test_refuses_pii_wherever_it_stands(value, place):
    field = place if place in {"id", "sessionId", "event"} else f"properties.{place}"
    event = make_event(**{place: value}) if field == place else with_properties(**{place: value})

    verdict = check(event)

    assert ("looks_like_pii", field) in faults(event)
    assert value not in json.dumps(verdict.payload, ensure_ascii=False)
    assert value not in verdict.event + verdict.event_id


@pytest.mark.parametrize(
    "event",
    [
        make_event(
            "workbench.approval_requested", properties={"toolIds": ["a", "b@c.de"], "contextType": "x"}
        ),
        with_properties(more={"deep": ["anna@example.com"]}),
        with_properties(more={"anna@example.com": 1}),
        with_properties(**{"anna@example.com": 1}),
        make_event(**{"anna@example.com": 1}),
        make_event("workbench.nonsense", properties={"a": "anna@example.com"}),
    ],
)
def test_refuses_pii_in_lists_nested_values_and_keys(event):
    assert "looks_like_pii" in dict(faults(event))


def test_sees_through_escapes():
    raw = to_json(with_properties(draftId="anna@example.com")).replace(b"@", b"\\u0040")

    assert faults(raw) == [("looks_like_pii", "properties.draftId")]


@pytest.mark.parametrize(
    "name", ["Incident Analyst", "Prüfung", "日本", "a\u00a0b", 'say "hi"', "", "x" * 200]
)
def test_takes_names_as_they_are(name):
    event = make_event("agent.run_started", properties={"runId": "r", "agentRunId": "a", "agentName": name})

    assert json.loads(check(event).properties)["agentName"] == name


@pytest.mark.parametrize("user", ["anna@example.com", "4711", "4111111111111111"])
def test_keeps_persons_as_keyed_hashes(user):
    verdict = check(make_event("workbench.session_started", properties={"userId": user}))

    assert json.loads(verdict.properties) == {"userId": pseudonymise(user)}


def test_keeps_what_is_pseudonymised_already():
    user = pseudonymise("anna@example.com")

    verdict = check(
        make_event("workbench.approval_completed", properties={"approved": True, "approverId": user})
    )

    assert json.loads(verdict.properties) == {"approved": True, "approverId": user}


@pytest.mark.parametrize("user", ["", "a b", "é", "a" * 129, 5, None])
def test_refuses_persons_that_are_no_ids_and_keeps_nothing_of_them(user):
    verdict = check(make_event("workbench.session_started", properties={"userId": user}))

    assert [problem.field for problem in verdict.problems] == ["properties.userId"]
    assert verdict.payload["properties"]["userId"] != user or user is None


@pytest.mark.parametrize(
    ("referrer", "kept"),
    [
        ("https://a.example/b?user=anna@example.com#x", "https://a.example/b"),
        ("https://anna:secret@a.example/b", "https://a.example/b"),
        ("https://a.example/?" + "x" * 1000, "https://a.example/"),
        ("", ""),
    ],
)
def test_keeps_origin_and_path_of_the_referrer(referrer, kept):
    verdict = check(make_event("workbench.session_started", properties={"referrer": referrer}))

    assert json.loads(verdict.properties) == {"referrer": kept}


@pytest.mark.parametrize(
    ("referrer", "code"),
    [
        ("https://a.example/anna@example.com", "looks_like_pii"),
        ("https://a.example/" + "x" * 183, "too_long"),
        ("a\nb", "out_of_range"),
        (5, "wrong_type"),
    ],
)
def test_refuses_a_referrer_whose_path_is_not_fit(referrer, code):
    event = make_event("workbench.session_started", properties={"referrer": referrer})

    assert faults(event) == [(code, "properties.referrer")]


@pytest.mark.parametrize("name", EVENTS)
def test_takes_every_event_of_the_plan(name):
    properties = make_properties(EVENTS[name].properties)

    verdict = check(make_event(name, properties=properties))

    assert verdict.event == name
    assert json.loads(verdict.properties).keys() == properties.keys()


# Deprecation ----------------------------------------------------------------------------------------------


@pytest.fixture
def deprecating_plan(settings, tmp_path):
    text = settings.TRACKING_PLAN.read_text(encoding="utf-8")
    text = text.replace(
        "  intent: {type: token,",
        "  intent: {type: token, deprecated: {until: 2026-02-15, instead: editType},",
    ).replace(
        "    emitted_when: A template is inserted into a draft.",
        "    emitted_when: A template is inserted into a draft.\n    deprecated: {until: 2026-02-15}",
    )
    settings.TRACKING_PLAN = tmp_path / "plan.yaml"
    settings.TRACKING_PLAN.write_text(text, encoding="utf-8")
    get_compiled_plan.cache_clear()
    yield
    get_compiled_plan.cache_clear()


LAST_MOMENT = datetime(2026, 2, 15, 23, 59, 59, 999_999, tzinfo=UTC)
EDIT = make_event("workbench.draft_edited", properties={"draftId": "d", "editType": "chat", "intent": "x"})
INSERT = make_event("workbench.template_inserted", properties={"draftId": "d", "templateId": "t"})


@pytest.mark.usefixtures("deprecating_plan")
@pytest.mark.parametrize(
    ("event", "field", "message", "code"),
    [
        (
            EDIT,
            "properties.intent",
            "This is accepted up to 2026-02-15. Send instead: editType.",
            "unknown_property",
        ),
        (INSERT, "event", "This is accepted up to 2026-02-15.", "unknown_event"),
    ],
)
def test_warns_up_to_the_last_day_and_refuses_from_the_next(event, field, message, code):
    [warning] = check(event, LAST_MOMENT).warnings

    assert (warning.code, warning.field, warning.message) == ("deprecated", field, message)
    assert faults(event, LAST_MOMENT + timedelta(microseconds=1)) == [(code, field)]


@pytest.mark.usefixtures("deprecating_plan")
def test_does_not_warn_when_the_deprecated_property_is_not_sent():
    event = make_event("workbench.draft_edited", properties={"draftId": "d", "editType": "chat"})

    assert check(event, LAST_MOMENT).warnings == ()


# Hostile input --------------------------------------------------------------------------------------------

GOOD = to_json(
    make_event("agent.run_completed", properties=make_properties(EVENTS["agent.run_completed"].properties))
)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff",
        b'{"event": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"properties": {"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
        GOOD.replace(b"0.25", b"1e400"),
        GOOD.replace(b"0.25", b"-1e400"),
        GOOD.replace(b"0.25", b"NaN"),
        GOOD.replace(b"0.25", b"Infinity"),
        GOOD.replace(b"0.25", b"9" * 4000),
        GOOD.replace(b"0.25", b"9" * 5000),
        GOOD.replace(b"1500", b"-" + b"9" * 5000),
        GOOD.replace(b"1500", b"1e400"),
        GOOD.replace(b"1500", b"1500.5"),
        GOOD.replace(b"1500", b"1e300"),
        GOOD.replace(b"1500", b"0." + b"1" * 5000),
        GOOD.replace(b"short-label", b"\\u0000"),
        GOOD.replace(b"short-label", b"\\ud800"),
        GOOD.replace(b"short-label", b"\\ud800x"),
        GOOD.replace(b"i-1", b"\\udc00"),
        GOOD.replace(
            b'"event":"agent.run_completed"', b'"event":"agent.run_completed","event":"agent.run_started"'
        ),
        GOOD.replace(b'"event":"agent.run_completed"', b'"event":"nonsense","event":"agent.run_completed"'),
        GOOD.replace(b'"id":', b'"\\ud800":1,"id":'),
        GOOD.replace(b'"id":', b'"\\u0000":1,"id":'),
    ],
)
def test_refuses_hostile_events_and_keeps_what_both_databases_can_store(raw):
    verdict = check(raw)

    assert isinstance(verdict, RejectedEvent)
    assert verdict.problems
    assert is_storable(verdict)


@pytest.mark.parametrize(("number", "properties"), [(b"1e-400", 0.0), (b"5", 5.0), (b"1E5", 100000.0)])
def test_reads_every_way_to_write_a_price(number, properties):
    assert json.loads(check(GOOD.replace(b"0.25", number)).properties)["costUsd"] == properties


def is_storable(verdict):
    """Whether PostgreSQL's text and jsonb take it, and it is small."""
    text = msgspec.json.encode([verdict.event, verdict.event_id, verdict.payload, verdict.problems]).decode()
    stored = json.loads(text, parse_constant=pytest.fail)
    return "\\u0000" not in text and len(text) < 100_000 and "\0" not in str(stored)


ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20) | st.sampled_from(
    PII + HARMLESS
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)
TIMESTAMPS = [
    "2026-02-15T11:00:00",
    "2020-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "2026-02-15t11:00:00z",
]
# Mostly values that some property takes, so that both verdicts are frequent.
LIKELY = st.sampled_from(["a", "a b", 'a"b', "é", "chat", 0, 3, 0.5, True, ["a"], [], *HARMLESS, *TIMESTAMPS])


@st.composite
def nearly_good_events(draw):
    """An event of the plan with some of its parts replaced, taken away or added."""
    definition = EVENTS[draw(st.sampled_from(sorted(EVENTS)))]
    properties = make_properties(definition.properties)
    event = make_event(definition.name, properties=properties)
    for target in draw(
        st.sampled_from([[], [properties], [properties, properties], [event], [event, properties]])
    ):
        key = draw(st.sampled_from([*target, *target, *target, "more"]) | ANY_TEXT)
        change = draw(st.sampled_from(["remove", "likely", "likely", "likely", "any"]))
        if change == "remove":
            target.pop(key, None)
        else:
            target[key] = draw(LIKELY if change == "likely" else ANY_JSON)
    return event


def written(event, ascii_only):
    text = json.dumps(event, ensure_ascii=ascii_only)
    return text.encode("utf-8", "surrogatepass")


@settings(max_examples=600)
@given(nearly_good_events(), st.booleans())
def test_the_compiled_validators_and_the_second_opinion_agree(event, ascii_only):
    raw = written(event, ascii_only)
    try:
        decoded = json.loads(raw.decode())
    except UnicodeDecodeError:
        assert isinstance(check(raw), RejectedEvent)
        return
    problems = find_problems(decoded, plan=get_plan(), now=NOW)

    verdict = check(raw)

    assert isinstance(verdict, ValidEvent) is (problems == ())
    assert isinstance(verdict, ValidEvent) or verdict.problems == problems


@settings(max_examples=600)
@given(ANY_JSON | nearly_good_events(), st.booleans())
@example({"event": "workbench.draft_created", "properties": {"\ud800": float("nan")}}, True)
def test_gives_a_storable_verdict_on_any_json(value, ascii_only):
    verdict = check(written(value, ascii_only))

    if isinstance(verdict, ValidEvent):
        assert "\\u0000" not in verdict.properties
        texts = msgspec.json.decode(verdict.properties).values()
        assert not any(looks_like_pii(text) for text in texts if isinstance(text, str))
    else:
        assert verdict.problems
        assert is_storable(verdict)


@given(st.binary() | st.binary().map(lambda extra: GOOD[: len(extra)] + extra + GOOD[len(extra) :]))
def test_gives_a_verdict_on_any_bytes(raw):
    verdict = check(raw)

    assert isinstance(verdict, ValidEvent) or is_storable(verdict)


# It passes for a card number: 16 digits that begin like one, with the right check digit.
CARD_LIKE = "4111111111111111"


def model_call(*, event_id="e-1", **properties):
    trace = "0af7651916cd43dd8448eb211c80319c"
    return make_event(
        "agent.model_called",
        id=event_id,
        properties={"traceId": trace, "spanId": "00f067aa0ba902b7", **properties},
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (model_call(spanId=CARD_LIKE, parentSpanId=CARD_LIKE), []),
        (model_call(event_id=f"0af7651916cd43dd8448eb211c80319c-{CARD_LIKE}-e"), []),
        (model_call(runId=CARD_LIKE), [("looks_like_pii", "properties.runId")]),
        (model_call(spanId=CARD_LIKE + "0"), []),
        (model_call(spanId="4111 1111 1111 1111"), [("looks_like_pii", "properties.spanId")]),
        (model_call(event_id=f"{CARD_LIKE}-e"), [("looks_like_pii", "id")]),
    ],
)
def test_a_spans_id_is_no_card_number(event, expected):
    assert [fault for fault in faults(event) if fault[0] == "looks_like_pii"] == expected
