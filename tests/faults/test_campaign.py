"""The short form of the campaign, and that it finds fault where there is one."""

import re
import tempfile
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from benchmarks.servers import ROOT, NotStarted
from faults import campaign
from faults.__main__ import main
from faults.campaign import Campaign, FaultOutcome, Row, complaints_of
from faults.catalogue import FAULTS, SHORT, SHORT_ON_SMALL_DISK
from faults.kinds.access import ROLES, RULES, Rule, expected_answers, is_allowed
from faults.kinds.hostile import METHODS, MORE_METHODS, HostileRequest, generate
from faults.prepare import FILLED_IN
from faults.probe import Probes
from faults.programs import Program
from faults.report import header, row_text
from faults.requests import Answer, RawRequest
from faults.stage import Fault, Stage
from faults.truth import Truth, brute_force, compare, is_equal
from tests import services
from tests.oracle.compute import AcceptedEvent
from tests.oracle.compute import Row as KpiRow
from tests.routes import all_routes

GOOD = FaultOutcome(
    answers=Counter({"200": 40, "503": 2}),
    truth=Truth(accepted=1000, rows=1000, lost=0, doubled=0, wrong_kpis=[]),
    healthz=Probes(seconds=[0.002] * 99 + [0.004]),
    readyz=Probes(seconds=[0.01]),
    recovery_seconds=0.5,
)
HARMLESS = Fault(strike=lambda stage: None)


@pytest.mark.processes
def test_the_short_campaign_is_green_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    has_disk = services.can_mount()
    names = SHORT_ON_SMALL_DISK if has_disk else SHORT
    short = Campaign(
        names=names,
        databases=["SQLite"],
        is_short=True,
        judges_times=False,
        common_place="small disk" if has_disk else "",
    )

    complaints = {row.fault: row.complaints for row in short.run()}

    assert complaints == {name: [] for name in names}
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert not [path for path in Path("/proc").glob("[0-9]*") if works_in(path, tmp_path)]


def works_in(process: Path, folder: Path) -> bool:
    """Whether the process was told to keep its data in the folder."""
    try:
        return f"DATA_DIR={folder}".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def with_truth(**changed: object) -> FaultOutcome:
    return replace(GOOD, truth=replace(GOOD.truth, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (GOOD, []),
        (with_truth(lost=1), ["1 events lost"]),
        (with_truth(doubled=2), ["2 events doubled"]),
        (with_truth(rows=1001), ["rows are not what was accepted"]),
        (with_truth(wrong_kpis=["approval-rate"]), ["wrong: approval-rate"]),
        (replace(GOOD, recovery_seconds=None), ["no recovery within 60 s"]),
        (replace(GOOD, healthz=Probes(seconds=[0.002], away=3)), ["/healthz away 3 times"]),
        (replace(GOOD, healthz=Probes(seconds=[0.002] * 98 + [0.101] * 2)), ["/healthz slow"]),
        (replace(GOOD, healthz=Probes(seconds=[0.1])), []),
        (replace(GOOD, readyz=Probes(seconds=[2.1])), ["/readyz slow"]),
        (replace(GOOD, readyz=Probes(seconds=[2.0])), []),
    ],
)
def test_finds_what_is_wrong(outcome: FaultOutcome, expected: list[str]) -> None:
    assert complaints_of(outcome, fault=HARMLESS, judges_times=True) == expected


def test_the_bars_of_time_can_be_left_out() -> None:
    slow = replace(GOOD, healthz=Probes(seconds=[1.0]), readyz=Probes(seconds=[9.0]))

    assert complaints_of(slow, fault=HARMLESS, judges_times=False) == []


def test_a_fault_that_stops_the_web_server_may_leave_probes_unanswered() -> None:
    outcome = replace(GOOD, healthz=Probes(seconds=[0.002], away=3))

    assert complaints_of(outcome, fault=replace(HARMLESS, takes_web_down=True), judges_times=True) == []


def test_prints_a_line_for_a_row_and_one_for_each_complaint() -> None:
    row = Row(fault="bombs", database="SQLite", outcome=GOOD, seconds=7.4, complaints=["gzip: 500"])

    first, *complaints = row_text(row).splitlines()

    cells = "bombs|SQLite|200:40 503:2|1,000|1,000|0|0|yes|4 ms, 4 ms|10 ms|0.5 s|7 s|RED".split("|")  # noqa: SIM905
    assert re.split(r" {2,}", first) == cells
    assert complaints == ["    gzip: 500"]
    assert len(re.split(r" {2,}", header())) == len(cells)


def test_says_what_was_missing_where_a_fault_was_not_tried() -> None:
    row = Row(fault="disk-full", database="SQLite", missing=["mount"])

    assert row_text(row).endswith("not tried, missing: mount")


@pytest.fixture
def strike_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The faults that were tried; `bombs` brings a portal down that does not start again."""
    tried: list[str] = []

    def try_out(name: str, *, stage: Stage) -> tuple[FaultOutcome, list[str]]:
        tried.append(name)
        if name == "bombs":
            raise NotStarted("it does not listen")
        return GOOD, []

    monkeypatch.setattr(campaign, "try_out", try_out)
    return tried


def test_a_fault_after_which_the_portal_does_not_start_is_red_and_the_next_one_is_tried(
    strike_names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[bool] = []
    portal = SimpleNamespace(start_if_ended=lambda: starts.append(True))
    stage = Stage(portal=portal)  # type: ignore[arg-type]
    monkeypatch.setattr(campaign, "stage_for", lambda *args, **options: nullcontext(stage))

    rows = list(Campaign(names=["bombs", "access"], databases=["SQLite"]).run())

    assert [(row.fault, row.complaints) for row in rows] == [
        ("bombs", ["it does not listen"]),
        ("access", []),
    ]
    assert (strike_names, len(starts)) == (["bombs", "access"], 2)


@pytest.mark.parametrize("what", ["stage_for", "servers_for"])
def test_a_program_that_does_not_start_makes_red_rows_and_the_campaign_goes_on(
    strike_names: list[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    stage = Stage(portal=SimpleNamespace(start_if_ended=lambda: None))  # type: ignore[arg-type]
    failures = ["slow"]

    def start(*args: object, **options: object) -> AbstractContextManager[object]:
        if failures:
            raise NotStarted(failures.pop())
        return nullcontext(stage if what == "stage_for" else ())

    monkeypatch.setattr(campaign, "missing_programs", lambda database: [])
    monkeypatch.setattr(campaign, "stage_for", lambda *args, **options: nullcontext(stage))
    monkeypatch.setattr(campaign, "servers_for", lambda *args, **options: nullcontext(()))
    monkeypatch.setattr(campaign, what, start)

    rows = list(Campaign(names=["access", "guesses"], databases=["SQLite", "PostgreSQL"]).run())

    assert [list(row.complaints) for row in rows] == [["slow"], ["slow"], [], []]


def test_a_row_that_could_not_be_tried_is_red_and_says_why() -> None:
    row = Row(fault="bombs", database="SQLite", complaints=["it does not listen"])

    first, complaint = row_text(row).splitlines()

    assert re.split(r" {2,}", first) == ["bombs", "SQLite", "not tried", "0 s", "RED"]
    assert complaint == "    it does not listen"


def test_a_program_that_does_not_start_says_what_its_log_ends_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(command=["sh", "-c", "echo first; echo no space"], folder=tmp_path, port=1)

    with pytest.raises(NotStarted, match=r"does not listen on port 1\. Its log ends with: no space"):
        program.start()


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["flood"])
    assert "there is no fault 'flood'; there are postgres-killed, " in capsys.readouterr().err


def test_the_short_campaign_names_faults_that_there_are() -> None:
    assert set(SHORT_ON_SMALL_DISK) <= FAULTS.keys()


@pytest.mark.parametrize(
    ("stored", "rows", "lost", "doubled"),
    [("ab", 2, 0, 0), ("a", 1, 1, 0), ("abb", 3, 0, 1), ("abc", 3, 0, 0), ("", 0, 2, 0)],
)
def test_counts_what_was_lost_and_doubled(stored: str, rows: int, lost: int, doubled: int) -> None:
    truth = compare(Counter(stored), settled={"a", "b"}, wrong_kpis=[])

    assert (truth.accepted, truth.rows, truth.lost, truth.doubled) == (2, rows, lost, doubled)


def test_every_fault_is_described() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    table = page.partition("## The faults")[2].partition("## A run")[0]

    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", table)) >= FAULTS.keys()


# KPIs -----------------------------------------------------------------------------------------------------


def chat(minute: int) -> AcceptedEvent:

    return AcceptedEvent(
        environment="production",
        event_key=UUID(int=minute),
        event="workbench.chat_message_sent",
        session_id="s",
        occurred_at=datetime(2026, 2, 2, 10, minute, tzinfo=UTC),
        properties={},
    )


def test_brute_force_adds_up_all_buckets() -> None:
    assert brute_force([chat(0), chat(20)]) == {"template-suggestion-rate": KpiRow(0, 2)}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"count": 2}, False),
        ({"sum_seconds": 60.1}, False),
        ({"p50": 10.05}, True),
        ({"p50": 9.8}, False),
        ({"p99": None}, False),
    ],
)
def test_compares_counts_sums_and_percentiles_of_durations(
    changed: dict[str, object], expected: bool
) -> None:
    row = KpiRow(60_000_000, 3, (10_000_000, 10_000_000, 40_000_000))
    answer = {"unit": "seconds", "count": 3, "sum_seconds": 60.0, "p50": 10.0, "p90": 34.0, "p99": 39.4}

    assert is_equal({**answer, **changed}, expected=row) is expected


@pytest.mark.parametrize(("unit", "numerator", "expected"), [("usd", 0.5, True), ("ratio", 0.5, False)])
def test_compares_sums_in_dollars(unit: str, numerator: float, expected: bool) -> None:
    answer = {"unit": unit, "numerator": numerator, "denominator": 1}

    assert is_equal(answer, expected=KpiRow(500_000, 1)) is expected


# Hostile requests -----------------------------------------------------------------------------------------

SOME_ROLES = {"anonymous": {}, "superuser": {"Cookie": "sessionid=1"}}


def test_each_route_meets_each_method_of_each_role() -> None:
    sent = list(generate(["/api/kpis/", "/login/"], roles=SOME_ROLES))

    assert {(hostile.request.method, hostile.role) for hostile in sent} == {
        (method, role) for method in METHODS for role in SOME_ROLES
    }
    assert len(sent) == 2 * (len(METHODS) * len(SOME_ROLES) + len(MORE_METHODS))


def test_a_full_run_sends_20_000_requests() -> None:
    roles = {role: {} for role in ROLES}
    paths = [route.path for route in all_routes(parts=FILLED_IN)]

    assert sum(1 for _ in product(paths, METHODS, roles)) + len(paths) * len(MORE_METHODS) >= 20_000


def test_every_run_sends_the_same_and_each_can_be_sent() -> None:
    first, second = (list(generate(["/kpis/1/"] * 30, roles=SOME_ROLES)) for _ in range(2))

    untimed = [replace(hostile, request=replace(hostile.request, body=b"")) for hostile in first]
    assert untimed == [replace(hostile, request=replace(hostile.request, body=b"")) for hostile in second]
    assert all(hostile.request.encode() for hostile in first)


def test_a_finding_says_what_was_sent_and_keeps_the_roles_own_secret() -> None:
    request = RawRequest(
        method="POST", path="/?q=%00", headers={"Cookie": "sessionid=1", "Host": ""}, body=b"\0"
    )
    finding = HostileRequest(number=7, role="superuser", request=request)

    text = finding.describe(Answer(500), role_headers=SOME_ROLES["superuser"])

    assert text == (
        "request 7 as superuser was answered 500: POST '/?q=%00' headers={'Host': ''} body=b'\\x00'"
    )


# The access matrix ----------------------------------------------------------------------------------------


def test_rules_speak_only_of_roles_that_there_are() -> None:
    named = {role for rule in RULES for roles in rule.others for role in roles.split()}

    assert named <= set(ROLES)


def test_of_two_entries_that_name_a_role_the_later_one_counts() -> None:
    rule = Rule("GET", "x", "401", {"user staff": "200", "staff": "302"})

    assert [rule.answer(role) for role in ("anonymous", "user", "staff")] == ["401", "200", "302"]


def test_every_route_of_the_portal_has_a_rule_for_each_method() -> None:
    without = [
        (method, route.pattern)
        for route in all_routes(parts=FILLED_IN)
        for method in ("GET", "POST")
        if expected_answers(method, route.pattern) is None
    ]

    assert without == []


def test_a_route_that_nobody_thought_of_has_no_rule() -> None:
    assert expected_answers("GET", "api/new/") is None


@pytest.mark.parametrize(
    ("status", "expected", "allowed"),
    [
        *[
            (200, "200", True),
            (200, "401", False),
            (404, "any", True),
            (500, "any", False),
            (-1, "any", False),
        ],
        *[(302, "shut", True), (404, "shut", True), (200, "shut", False), (500, "shut", False)],
    ],
)
def test_any_answer_but_a_fault_may_be_allowed(status: int, expected: str, allowed: bool) -> None:
    assert is_allowed(status, expected) is allowed
