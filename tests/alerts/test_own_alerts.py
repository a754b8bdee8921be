"""The portal's own alerts: opened, told and ended once, on both sides of each threshold."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.utils.text import slugify
from pytest_django import Settings

from alerts import own_alerts
from alerts.models import Alert
from alerts.own_alerts import look
from alerts.rules.catalogue import RULES
from alerts.rules.findings import AlertFinding, AlertRule, RuleResult
from alerts.thresholds import HEALTH_CRITICAL, KPI_WINDOW, NO_EVENTS, THRESHOLDS
from kpis.models import Freshness, KpiBucket
from telemetry import maintenance
from telemetry.models import Arrival, Environment, LedgerHour, MaintenanceWindow, Notice
from telemetry.notices import sending
from tests.alerts.builders import make_alert
from tests.builders import NOW, make_key, store, table
from tests.kpis.builders import make_bucket, make_environment, make_target
from workbench.models import EventCount

pytestmark = pytest.mark.django_db

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = NOW.replace(hour=0)


@pytest.fixture(autouse=True)
def posts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles that the chat is posted."""
    settings.SLACK_WEBHOOK_URL = "https://chat.example.com"
    posted: list[str] = []
    monkeypatch.setattr(
        sending, "post_to_chat", lambda notices: posted.extend(notice.title for notice in notices)
    )
    return posted


@pytest.fixture(autouse=True)
def no_health(monkeypatch: pytest.MonkeyPatch) -> None:
    """The health report is of this machine and of today's partitions."""
    rules = [rule for rule in RULES if rule.threshold is not HEALTH_CRITICAL]
    monkeypatch.setattr(own_alerts, "RULES", rules)


def found() -> list[tuple[str, str, str, str]]:
    """What fires of the portal's own: (name, severity, environment, KPI)."""
    firing = Alert.objects.filter(source="portal", ended_at=None).order_by("name", "environment", "kpi")
    return list(firing.values_list("name", "severity", "environment", "kpi"))


def compute(*, until: datetime = NOW, environment: str = "production") -> None:
    Freshness.objects.update_or_create(
        environment=environment, defaults={"computed_until": until, "time_zone": "UTC"}
    )


def approvals(*, granted: int, of: int = 100, environment: str = "production") -> KpiBucket:
    return make_bucket(
        "approval-rate", numerator=granted, denominator=of, period_start=TODAY, environment=environment
    )


@pytest.fixture
def target() -> None:
    make_target("approval-rate", "0.8", since=date(2026, 1, 1))


@pytest.mark.usefixtures("target")
def test_a_kpi_off_target_is_told_once_and_when_it_is_over(posts: list[str]) -> None:
    make_environment()
    approvals(granted=70)
    looks = [NOW + back * MINUTE for back in (0, 1, 2, 6, 7, 8)]
    for moment in looks:
        compute(until=moment)
        if moment == looks[2]:
            make_bucket("approval-rate", numerator=100, denominator=100, period_start=TODAY - DAY)
        look(now=moment)

    assert posts == [
        "Approval rate is off target in production",
        "Over: Approval rate is off target in production",
    ]
    assert table(Alert, "name", "severity", "environment", "kpi", "started_at", "ended_at") == [
        ("KpiOffTarget", "ticket", "production", "approval-rate", NOW, NOW + 7 * MINUTE)
    ]
    alert = Alert.objects.get()
    assert alert.runbook_url == "/runbooks/alerts/#kpiofftarget"
    assert alert.description.startswith(f"70% over {KPI_WINDOW}, target 80%, when this was found. ")
    assert [notice.text for notice in Notice.objects.filter(ends=None)] == [
        f"{alert.description} See the portal's page /kpis/approval-rate/?environment=production "
        "What to do about it: the portal's page /runbooks/alerts/#kpiofftarget"
    ]


@pytest.mark.usefixtures("target")
def test_a_kpi_that_goes_to_and_fro_is_told_once(posts: list[str]) -> None:
    make_environment()
    bucket = approvals(granted=70)
    for minute in range(0, 12, 3):
        KpiBucket.objects.filter(pk=bucket.pk).update(numerator=70 if minute % 2 == 0 else 90)
        compute(until=NOW + minute * MINUTE)
        look(now=NOW + minute * MINUTE)

    assert posts == ["Approval rate is off target in production"]
    assert table(Alert, "ended_at", "unseen_since") == [(None, NOW + 9 * MINUTE)]


@pytest.mark.usefixtures("target")
def test_noise_keeps_the_alert_that_fires(posts: list[str]) -> None:
    """It is over when the value reaches the target."""
    make_environment()
    bucket = approvals(granted=70)
    for minute, granted in {0: 70, 10: 79, 20: 79, 30: 80, 36: 80}.items():
        KpiBucket.objects.filter(pk=bucket.pk).update(numerator=granted)
        compute(until=NOW + minute * MINUTE)
        look(now=NOW + minute * MINUTE)

    assert posts == [
        "Approval rate is off target in production",
        "Over: Approval rate is off target in production",
    ]
    assert table(Alert, "started_at", "ended_at") == [(NOW, NOW + 36 * MINUTE)]


def test_a_notice_links_the_section_of_the_runbook(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://kpi.example.com/"
    make_environment(computed_until=NOW - HOUR)

    look(now=NOW)

    assert Notice.objects.get().text.endswith("https://kpi.example.com/runbooks/alerts/#rolluplaghigh")


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("granted", "of", "is_found"),
    [
        pytest.param(80, 100, False, id="on target"),
        # 63.6 to 80.7%, and 62.5 to 79.9%.
        pytest.param(73, 100, False, id="off target by what may be noise"),
        pytest.param(72, 100, True, id="the whole interval is off target"),
        pytest.param(0, 19, False, id="too few events"),
        pytest.param(0, 20, True, id="just enough events"),
    ],
)
def test_a_kpi_is_off_target_by_its_verdict(granted: int, of: int, is_found: bool) -> None:
    make_environment()
    approvals(granted=granted, of=of)

    look(now=NOW)

    assert bool(found()) is is_found


@pytest.mark.usefixtures("target")
def test_verdicts_of_kpis_that_stand_still_change_nothing() -> None:
    """One that was found stays, and none is found."""
    make_environment()
    make_environment("staging", computed_until=NOW - HOUR)
    approvals(granted=0)
    approvals(granted=0, environment="staging")
    look(now=NOW)
    compute(until=NOW)

    make_bucket("approval-rate", numerator=1000, denominator=1000, period_start=TODAY - DAY)
    look(now=NOW + HOUR)

    assert found() == [
        ("KpiOffTarget", "ticket", "production", "approval-rate"),
        ("RollupLagHigh", "page", "production", ""),
        ("RollupLagHigh", "page", "staging", ""),
    ]


@pytest.mark.parametrize(("seconds", "is_found"), [(66, False), (67, True)])
def test_the_rollup_stopped_after_a_minute_and_three_intervals(seconds: int, is_found: bool) -> None:
    make_environment(computed_until=NOW - timedelta(seconds=seconds))

    look(now=NOW)

    assert found() == ([("RollupLagHigh", "page", "production", "")] if is_found else [])


def test_a_post_that_waits_is_a_rollup_that_stopped_also_before_the_first() -> None:
    store(received_at=NOW - HOUR)

    look(now=NOW)

    assert found() == [("RollupLagHigh", "page", "production", "")]


def old_environment(name: str = "production", *, age: timedelta = 30 * DAY) -> None:
    make_environment(name)
    Environment.objects.filter(name=name).update(created_at=NOW - age)


def events(count: int, *, back: timedelta, environment: str = "production", event: str = "x") -> None:
    """In the bucket before that moment."""
    EventCount.objects.create(
        environment=environment,
        bucket_start=NOW - back - NO_EVENTS.window / 2,
        event=event,
        variant="",
        events=count,
    )


@pytest.mark.parametrize(
    ("yesterday", "a_week_ago", "age", "is_found"),
    [
        (20, 20, 30, True),
        (19, 20, 30, False),
        # A Saturday is not a Friday.
        (20, 19, 30, False),
        (20, 0, 7, True),
        (20, 0, 8, False),
    ],
)
def test_an_environment_is_silent_that_was_not_yesterday_and_a_week_ago(
    yesterday: int, a_week_ago: int, age: int, is_found: bool
) -> None:
    old_environment(age=age * DAY)
    events(yesterday, back=DAY)
    events(a_week_ago, back=7 * DAY)

    look(now=NOW)

    assert found() == ([("NoEvents", "ticket", "production", "")] if is_found else [])


def busy_days() -> None:
    old_environment()
    events(20, back=DAY)
    events(20, back=7 * DAY)


@pytest.mark.parametrize(
    ("ago", "more", "is_found"),
    [
        (30 * MINUTE, {}, False),
        (30 * MINUTE + SECOND, {}, True),
        (MINUTE, {"accepted": 0}, True),
        (MINUTE, {"environment": "staging"}, True),
    ],
)
def test_an_event_that_came_in_the_last_half_hour_breaks_the_silence(
    ago: timedelta, more: dict[str, Any], is_found: bool
) -> None:
    busy_days()
    arrival = store(received_at=NOW - ago, environment=more.get("environment", "production"))
    type(arrival).objects.update(**{"accepted": 1, "taken_at": NOW} | more)

    look(now=NOW)

    assert bool(found()) is is_found


def test_what_happened_lately_and_came_earlier_does_not_break_the_silence() -> None:
    """By a clock that was ahead."""
    busy_days()
    events(5, back=timedelta())
    arrival = store(received_at=NOW - HOUR)
    type(arrival).objects.update(accepted=5, taken_at=NOW)

    look(now=NOW)

    assert bool(found())


def test_of_several_keys_one_that_sends_breaks_the_silence() -> None:
    busy_days()
    for minutes in (600, 10, 50):
        store(received_at=NOW - minutes * MINUTE, key=make_key())
    Arrival.objects.update(accepted=1, taken_at=NOW)

    look(now=NOW)

    assert not found()


def test_silence_is_expected_of_maintenance_and_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    busy_days()
    old_environment("demo")
    for back in (DAY, 7 * DAY):
        events(50, back=back, environment="demo")
    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "is_on", lambda *, now: True)
        look(now=NOW)
    during = found()

    look(now=NOW)

    assert (during, found()) == ([], [("NoEvents", "ticket", "production", "")])


@pytest.mark.parametrize(("minutes", "is_found"), [(29, False), (30, True)])
def test_silence_is_expected_until_maintenance_is_over_for_half_an_hour(minutes: int, is_found: bool) -> None:
    busy_days()
    window = maintenance.switch_on(message="", ends_at=None, by=None, now=NOW - 5 * HOUR)
    maintenance.end_windows(
        MaintenanceWindow.objects.filter(pk=window.pk), by=None, now=NOW - minutes * MINUTE
    )

    look(now=NOW)

    assert bool(found()) is is_found


def refuse(count: int, *, of: int, hours_ago: int = 0) -> None:
    key = make_key()
    hour = NOW - hours_ago * HOUR
    for outcome, number in (("rejected", count), ("accepted", of - count), ("duplicate", 5000)):
        LedgerHour.objects.create(
            key=key, environment="production", hour=hour, outcome=outcome, reason="", events=number
        )


@pytest.mark.parametrize(
    ("count", "of", "hours_ago", "is_found"),
    [
        (101, 2019, 0, True),
        (101, 2020, 0, False),
        (100, 100, 0, False),
        (101, 101, 1, True),
        (101, 101, 2, False),
    ],
)
def test_many_rejected_events_of_an_hour_are_found(
    count: int, of: int, hours_ago: int, is_found: bool, posts: list[str]
) -> None:
    make_environment()
    refuse(count, of=of, hours_ago=hours_ago)

    look(now=NOW)

    assert found() == ([("QuarantineGrowing", "ticket", "production", "")] if is_found else [])
    assert posts == (["Many events of production are rejected"] if is_found else [])


def open_share(environment: str) -> None:
    Notice.objects.create(
        topic="rejection share", subject="s", environment=environment, opened_at=NOW, next_attempt_at=NOW
    )


@pytest.mark.parametrize(("environment", "is_told"), [("production", False), ("staging", True)])
def test_rejections_that_were_told_in_detail_are_not_told_again(
    environment: str, is_told: bool, posts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_environment()
    refuse(101, of=101)
    open_share(environment)
    monkeypatch.setattr(own_alerts, "find_large_shares", lambda *, now: None)

    look(now=NOW)

    assert len(found()) == 1
    assert ("Many events of production are rejected" in posts) is is_told


@pytest.mark.usefixtures("target")
def test_what_alertmanager_reports_is_told_by_the_portal_when_alertmanager_is_gone(posts: list[str]) -> None:
    make_environment()
    approvals(granted=0)
    make_alert(expires_at=NOW + MINUTE)
    make_alert(2, kpi="approval-wait", expires_at=NOW + DAY)
    look(now=NOW)
    told_at_first = list(posts)

    look(now=NOW + MINUTE)

    assert (told_at_first, posts) == ([], ["Approval rate is off target in production"])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("environment", ["demo", "smoke"])
def test_nobody_is_told_of_the_demo_or_the_smoke_test(environment: str, posts: list[str]) -> None:
    make_environment(environment)
    approvals(granted=0, environment=environment)

    look(now=NOW)

    assert (found(), posts) == ([("KpiOffTarget", "ticket", environment, "approval-rate")], [])


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> list[AlertRule]:
    """The only rules."""
    rules: list[AlertRule] = []
    monkeypatch.setattr(own_alerts, "RULES", rules)
    return rules


def rule(find: Callable[[datetime], RuleResult], **fields: Any) -> AlertRule:
    return AlertRule(threshold=NO_EVENTS, find=find, **fields)


def finding(environment: str = "production") -> AlertFinding:
    return AlertFinding(
        threshold=NO_EVENTS, environment=environment, summary=f"Silence in {environment}", description=""
    )


def always(*environments: str, **more: Any) -> AlertRule:
    result = RuleResult(findings=[finding(name) for name in environments], **more)
    return rule(lambda now: result)


def test_a_rule_that_fails_stops_nothing_and_ends_nothing(rules: list[AlertRule], posts: list[str]) -> None:
    def fail(now: datetime) -> RuleResult:
        raise RuntimeError("broken")

    rules[:] = [always("production")]
    look(now=NOW)
    rules[:] = [rule(fail), always("production", "staging")]

    with pytest.raises(ExceptionGroup):
        look(now=NOW)

    assert [environment for _, _, environment, _ in found()] == ["production", "staging"]
    assert posts == ["Silence in production", "Silence in staging"]


def test_where_a_rule_cannot_tell_its_alerts_stay(rules: list[AlertRule]) -> None:
    rules[:] = [always("production", "staging")]
    look(now=NOW)
    rules[:] = [always(unknown_environments=frozenset({"staging"}))]

    look(now=NOW + MINUTE)

    assert [environment for _, _, environment, _ in found()] == ["staging"]


def test_an_alert_expires_when_nobody_looks_and_goes_on_when_somebody_does(
    rules: list[AlertRule], posts: list[str]
) -> None:
    rules[:] = [always("production")]
    look(now=NOW)
    is_over = Alert.objects.get().end_at(NOW + 15 * MINUTE)

    look(now=NOW + HOUR)

    alert = Alert.objects.get()
    assert is_over == NOW + 15 * MINUTE
    assert (alert.started_at, alert.end_at(NOW + HOUR)) == (NOW, None)
    assert posts == ["Silence in production"]


def test_a_round_that_finds_the_same_again_writes_nothing(
    rules: list[AlertRule], django_assert_max_num_queries: Any
) -> None:
    rules[:] = [always("production")]
    look(now=NOW)
    before = table(Alert, "expires_at")

    look(now=NOW + 7 * MINUTE)

    assert table(Alert, "expires_at") == before


def test_of_two_processes_that_find_the_same_one_opens_it(rules: list[AlertRule]) -> None:
    found_here = finding()
    for seconds in (0, 1):
        own_alerts.keep_or_open(found_here, alert=None, now=NOW + timedelta(seconds=seconds))

    assert table(Alert, "started_at") == [(NOW,)]


def test_every_round_costs_few_queries(django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        make_environment(f"env-{number}")
        approvals(granted=100, environment=f"env-{number}")

    with django_assert_max_num_queries(40):
        look(now=NOW)


def test_every_rule_has_a_section_in_the_page_of_alerts() -> None:
    page = (Path(project.BASE_DIR) / "docs" / "alerts.md").read_text(encoding="utf-8")

    assert {rule.threshold.name for rule in RULES} == {threshold.name for threshold in THRESHOLDS}
    assert [threshold.name for threshold in THRESHOLDS if f"`{threshold.name}`" not in page] == []


def test_the_runbook_has_the_sections_that_alerts_lead_to() -> None:
    path = Path(project.BASE_DIR) / "docs" / "runbooks" / "alerts.md"
    headings = {
        slugify(line.removeprefix("## "))
        for line in (path.read_text(encoding="utf-8") if path.exists() else "").splitlines()
        if line.startswith("## ")
    }

    led_to = {threshold.name.lower() for threshold in THRESHOLDS if threshold.name != "HealthCritical"}

    assert not headings or led_to <= headings
