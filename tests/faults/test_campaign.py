"""The short form of the campaign, and that it finds fault where there is one."""

import re
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from benchmarks.servers import ROOT
from faults.__main__ import main
from faults.campaign import Campaign, Outcome, Row, complaints_of
from faults.catalogue import FAULTS, SHORT, SHORT_ON_SMALL_DISK
from faults.kinds.access import ROLES, RULES, expected_answers, is_allowed
from faults.prepare import FILLED_IN
from faults.probe import Probes
from faults.report import header, row_text
from faults.stage import Fault
from faults.truth import Truth, brute_force, compare, is_equal
from tests import services
from tests.oracle.compute import AcceptedEvent
from tests.oracle.compute import Row as KpiRow
from tests.routes import all_routes

GOOD = Outcome(
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
    campaign = Campaign(
        names=names,
        databases=["SQLite"],
        is_short=True,
        judges_times=False,
        common_place="small disk" if has_disk else "",
    )

    complaints = {row.fault: row.complaints for row in campaign.run()}

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


def with_truth(**changed: object) -> Outcome:
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
def test_finds_what_is_wrong(outcome: Outcome, expected: list[str]) -> None:
    assert complaints_of(outcome, fault=HARMLESS, judges_times=True) == expected


def test_the_bars_of_time_can_be_left_out() -> None:
    slow = replace(GOOD, healthz=Probes(seconds=[1.0]), readyz=Probes(seconds=[9.0]))

    assert complaints_of(slow, fault=HARMLESS, judges_times=False) == []


def test_a_fault_that_stops_the_web_server_may_leave_probes_unanswered() -> None:
    outcome = replace(GOOD, healthz=Probes(seconds=[0.002], away=3))

    assert complaints_of(outcome, fault=replace(HARMLESS, takes_web_down=True), judges_times=True) == []


def test_prints_a_line_for_a_row_and_one_for_each_complaint() -> None:
    row = Row(fault="bombs", database="SQLite", outcome=GOOD, complaints=["gzip: 500"])

    first, *complaints = row_text(row).splitlines()

    cells = "bombs|SQLite|200:40 503:2|1,000|1,000|0|0|yes|4 ms, 4 ms|10 ms|0.5 s|RED".split("|")  # noqa: SIM905
    assert re.split(r" {2,}", first) == cells
    assert complaints == ["    gzip: 500"]
    assert len(re.split(r" {2,}", header())) == len(cells)


def test_says_what_was_missing_where_a_fault_was_not_tried() -> None:
    row = Row(fault="disk-full", database="SQLite", missing=["mount"])

    assert row_text(row).endswith("not tried, missing: mount")


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


# The access matrix ----------------------------------------------------------------------------------------


def test_every_rule_speaks_of_every_role() -> None:
    assert {len(rule.answers.split()) for rule in RULES} == {len(ROLES)}


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
    [(200, "200", True), (200, "401", False), (404, "any", True), (500, "any", False), (-1, "any", False)],
)
def test_any_answer_but_a_fault_may_be_allowed(status: int, expected: str, allowed: bool) -> None:
    assert is_allowed(status, expected) is allowed
