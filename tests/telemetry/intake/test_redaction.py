import pytest

from telemetry.intake.privacy import pseudonymise
from telemetry.intake.redaction import redact_event, redact_event_id, redact_event_name, redact_name
from telemetry.plan import get_plan, parse_plan
from tests.telemetry.builders import make_event

CHAT = "hello can you help"


def redact(event):
    return redact_event(event, plan=get_plan())


def test_keeps_what_is_known_and_valid():
    event = make_event(
        "workbench.approval_requested",
        properties={"toolIds": ["a", "b"], "contextType": "incident", "draftId": "d-1"},
    )

    assert redact(event) == event


def test_replaces_what_is_not():
    event = make_event(
        sessionId=CHAT,
        timestamp="last Monday",
        message=CHAT,
        properties={
            "source": CHAT,
            "draftId": "anna@example.com",
            "nodeCount": -1,
            "templateId": 5,
            "text": CHAT,
            "number": 4111111111111111,
            "flag": True,
            "nothing": None,
            "list": [CHAT],
            "object": {"a": CHAT, "b": 1},
        },
    )

    assert redact(event) == {
        "event": "workbench.draft_created",
        "id": "e-1",
        "sessionId": "<18 characters>",
        "timestamp": "<11 characters>",
        "message": "<18 characters>",
        "properties": {
            "source": "<18 characters>",
            "draftId": "<16 characters>",
            "nodeCount": -1,
            "templateId": "<number>",
            "text": "<18 characters>",
            "number": "<number>",
            "flag": True,
            "nothing": None,
            "list": "<1 items>",
            "object": "<2 keys>",
        },
    }


def test_keeps_no_text_of_an_event_that_the_plan_does_not_have():
    """But ids, labels and values of enumerations, in properties that the plan knows."""
    event = make_event(
        "workbench.chat",
        properties={
            "text": CHAT,
            "word": "Anna",
            "draftId": "d-1",
            "templateId": CHAT,
            "intent": "triage",
            "reason": CHAT,
            "source": "voice",
            "trigger": "Ask Anna",
            "referrer": "https://a.example/b?c@d.de",
            "toolIds": ["a", "b@c.de"],
            "durationMs": -1,
            "nodeCount": "seven",
            "pinned": True,
            "count": 3,
            "phone": 10**12,
            "approverId": 4711,
            "list": [CHAT],
            "folderId": "f-1029",
            "folderIds": ["f-1029"],
            "ownerId": "o-1029",
        },
    )

    assert redact(event)["properties"] == {
        "text": "<18 characters>",
        "word": "<4 characters>",
        "draftId": "d-1",
        "templateId": "<18 characters>",
        "intent": "triage",
        "reason": "<18 characters>",
        "source": "voice",
        "trigger": "<8 characters>",
        "referrer": "https://a.example/b",
        "toolIds": ["a", "<6 characters>"],
        "durationMs": -1,
        "nodeCount": "<5 characters>",
        "pinned": True,
        "count": 3,
        "phone": "<number>",
        "approverId": "<number>",
        "list": "<1 items>",
        "folderId": "f-1029",
        "folderIds": ["f-1029"],
        "ownerId": "<6 characters>",
    }


def test_judges_a_property_of_other_events_as_they_do():
    event = make_event(
        properties={"source": "voice", "runId": "r-1", "status": "paused", "intent": CHAT, "model": "Anna"}
    )

    assert redact(event)["properties"] == {
        "source": "voice",
        "runId": "r-1",
        "status": "paused",
        "intent": "<18 characters>",
        "model": "Anna",
    }


PLAN = """
version: 1
vocabulary: {{}}
events:
  area.one: {{description: One., emitted_when: Now., optional: {{thing: {}}}}}
  area.two: {{description: Two., emitted_when: Now., optional: {{thing: {}}}}}
"""


@pytest.mark.parametrize(
    ("definitions", "value", "kept"),
    [
        (["{type: enum, values: [a], description: A.}", "{type: count, description: A.}"], "voice", "voice"),
        (["{type: count, description: A.}", "{type: enum, values: [a], description: A.}"], "voice", "voice"),
        (["{type: count, description: A.}", "{type: id, description: A.}"], "Anna", "Anna"),
        (["{type: count, description: A.}", "{type: bool, description: A.}"], "voice", "<5 characters>"),
        (["{type: id, description: A.}", "{type: id, pseudonymised: true, description: A.}"], "b", "hash"),
        (
            ["{type: token, description: A.}", "{type: token, keep: origin_and_path, description: A.}"],
            "/a?b",
            "/a",
        ),
    ],
)
def test_keeps_what_fits_one_of_several_definitions(definitions, value, kept):
    plan = parse_plan(PLAN.format(*definitions), name="plan.yaml")

    payload = redact_event(make_event("area.other", properties={"thing": value}), plan=plan)

    assert payload["properties"] == {"thing": pseudonymise(value) if kept == "hash" else kept}


@pytest.mark.parametrize(
    "name", ["workbench.session_started", "workbench.draft_created", "workbench.nonsense"]
)
@pytest.mark.parametrize("user", ["anna@example.com", "Anna Smith", ""])
def test_keeps_persons_as_keyed_hashes_so_that_they_can_be_erased(name, user):
    assert redact(make_event(name, properties={"userId": user}))["properties"] == {
        "userId": pseudonymise(user)
    }


def test_hashes_persons_at_the_wrong_place_and_drops_their_numbers():
    event = {"approverId": "anna", "userId": 4711, "properties": {"approverId": ["anna"]}}

    assert redact(event) == {
        "approverId": pseudonymise("anna"),
        "userId": "<number>",
        "properties": {"approverId": "<1 items>"},
    }


def test_replaces_single_items_of_a_list():
    event = make_event("workbench.approval_requested", properties={"toolIds": ["a", "b@c.de"]})

    assert redact(event)["properties"] == {"toolIds": ["a", "<6 characters>"]}


def test_keeps_labels_only_without_blanks():
    properties = {"draftId": "d-1", "editType": "chat", "intent": CHAT}

    assert redact(make_event("workbench.draft_edited", properties=properties))["properties"] == {
        "draftId": "d-1",
        "editType": "chat",
        "intent": "<18 characters>",
    }


def test_trims_the_referrer():
    event = make_event("workbench.session_started", properties={"referrer": "https://a.example/b?c@d.de"})

    assert redact(event)["properties"] == {"referrer": "https://a.example/b"}


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (2**31, 2**31),
        (0.5, 0.5),
        (10**12 - 1, 10**12 - 1),
        (10**12, "<number>"),
        (float("nan"), "<number>"),
        (float("inf"), "<number>"),
    ],
)
def test_keeps_numbers_that_are_no_card_numbers(number, kept):
    event = make_event(properties={"source": "chat", "nodeCount": number})

    assert redact(event)["properties"] == {"source": "chat", "nodeCount": kept}


def test_tells_keys_apart_that_became_the_same():
    assert redact({"a b": 1, "c d": 2, "e": None}) == {
        "<3 characters>": "<number>",
        "<3 characters> (1)": "<number>",
        "e": None,
    }


@pytest.mark.parametrize(("keys", "more"), [(20, {}), (21, {"…": "<1 more keys>"})])
def test_keeps_at_most_twenty_keys(keys, more):
    properties = {f"k{number}": True for number in range(keys)}

    kept = redact(make_event(properties=properties))["properties"]

    assert kept == {**{f"k{number}": True for number in range(20)}, **more}


def test_keeps_persons_and_known_keys_where_there_are_too_many():
    properties = {f"k{number}": True for number in range(500)}

    kept = redact(make_event(properties={**properties, "userId": "anna", "draftId": "d-1"}))["properties"]

    assert (kept["userId"], kept["draftId"], len(kept)) == (pseudonymise("anna"), "d-1", 21)
    assert kept["…"] == "<482 more keys>"


@pytest.mark.parametrize(("keys", "more"), [(15, {}), (16, {"…": "<1 more keys>"})])
def test_keeps_at_most_a_kibibyte_of_an_object(keys, more):
    properties = {f"{number:064}".replace("0", "k"): True for number in range(keys)}

    kept = redact(make_event(properties=properties))["properties"]

    assert kept == {**dict.fromkeys(list(properties)[:15], True), **more}


@pytest.mark.parametrize(("length", "kept"), [(47, ["a" * 47] * 10), (50, "<10 items>")])
def test_keeps_the_number_of_items_of_a_list_that_is_too_long(length, kept):
    event = make_event("workbench.approval_requested", properties={"toolIds": ["a" * length] * 10})

    assert redact(event)["properties"] == {"toolIds": kept}


@pytest.mark.parametrize(
    ("event", "kept"),
    [(None, None), (True, True), (5, "<number>"), (CHAT, "<18 characters>"), ([1, 2], "<2 items>")],
)
def test_outlines_what_is_no_event_at_all(event, kept):
    assert redact(event) == {"event": kept}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("workbench.draft_created", "workbench.draft_created"),
        ("workbench.draft_craeted", "workbench.draft_craeted"),
        ("workbench." + "a" * 54, "workbench." + "a" * 54),
        ("workbench." + "a" * 55, "<65 characters>"),
        ("anna.smith", "<10 characters>"),
        ("draft_created", "draft_created"),
        ("DraftCreated", "DraftCreated"),
        ("a" * 40, "a" * 40),
        ("a" * 41, "<41 characters>"),
        ("draft created", "<13 characters>"),
        ("ghp_abcdefghijklmnop1234", "<24 characters>"),
        ("workbench.Draft", "<15 characters>"),
        (CHAT, "<18 characters>"),
        ("", "<0 characters>"),
        (None, ""),
        (5, "<number>"),
        (["a"], "<1 items>"),
    ],
)
def test_keeps_event_names_of_the_plan_and_slips_of_the_pen(name, kept):
    assert redact_event_name(name, plan=get_plan()) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("e-1", "e-1"),
        ("a" * 100, "a" * 100),
        ("a" * 101, "<101 characters>"),
        (CHAT, "<18 characters>"),
        ("a\0", "<2 characters>"),
        ("anna@example.com", "<16 characters>"),
        (None, ""),
        (5, "<number>"),
    ],
)
def test_keeps_plain_event_ids(value, kept):
    assert redact_event_id(value) == kept


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("draftId", "draftId"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "<65 characters>"),
        ("a b", "<3 characters>"),
        ("4111111111111111", "<16 characters>"),
        ("ghp_abcdefghijklmnop1234", "<24 characters>"),
        ("é", "<1 characters>"),
        ("", "<0 characters>"),
    ],
)
def test_keeps_plain_keys(key, kept):
    assert redact_name(key) == kept


@pytest.mark.parametrize(
    ("timestamp", "kept"),
    [
        ("2026-02-15T13:00:00+02:00", "2026-02-15T13:00:00+02:00"),
        ("2026/02/15 13:00", "2026/02/15 13:00"),
        ("Sun Feb 15 2026 13:00:00 GMT+0100", "Sun Feb 15 2026 13:00:00 GMT+0100"),
        ("Sun with Ann", "<12 characters>"),
        ("4111 1111 1111 1111", "<19 characters>"),
        ("4111-1111-1111-1111", "<19 characters>"),
        ("1771160400", "1771160400"),
        ("1771160400.123", "1771160400.123"),
        ("4111111111111", "<13 characters>"),
        (1771160400, 1771160400),
        (2 * 10**12 - 1, 2 * 10**12 - 1),
        (2 * 10**12, "<number>"),
        (-1, "<number>"),
        (float("nan"), "<number>"),
        (True, True),
        (None, None),
        ({"at": CHAT}, "<1 keys>"),
    ],
)
def test_keeps_timestamps_of_a_common_form(timestamp, kept):
    assert redact(make_event(timestamp=timestamp))["timestamp"] == kept
