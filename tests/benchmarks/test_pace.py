import pytest
import yaml

from benchmarks.breach.pace import (
    PRODUCTION,
    RULES,
    Pace,
    divided,
    hasty_expression,
    hasty_routes,
    hasty_thresholds,
    rule_files,
)

HASTE = Pace(scrape_seconds=0.5, factor=60, lag_seconds=6)


@pytest.mark.parametrize(
    ("duration", "by", "expected"),
    [("1h", 60, "60000ms"), ("15s", 240, "62ms"), ("3d", 24, "10800000ms"), ("10ms", 100, "1ms")],
)
def test_divides_durations(duration: str, by: float, expected: str) -> None:
    assert divided(duration, by=by) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('sum(rate(a{le=~"0\\\\.3",window="1h"}[5m]))', 'sum(rate(a{le=~"0\\\\.3",window="1h"}[5000ms]))'),
        ("increase(a[30m] offset 7d) >= 20", "increase(a[30000ms] offset 10080000ms) >= 20"),
        (
            'count_over_time(objective:good:state{objective="x"}[6h:1m])',
            'count_over_time(hasty:objective:good:state{objective="x"}[360000ms:1000ms])',
        ),
        ("objective:bad_ratio:rate5m > 0.01344", "hasty:objective:bad_ratio:rate5m > 0.01344"),
    ],
)
def test_shortens_windows_and_nothing_else(expression: str, expected: str) -> None:
    assert hasty_expression(expression, factor=60) == expected


def test_routes_wait_for_a_shorter_time_but_for_half_a_second_at_least() -> None:
    text = "group_wait: 5s\n  group_interval: 60s\n  repeat_interval: 12h\n"

    assert (
        hasty_routes(text, factor=60)
        == "group_wait: 500ms\n  group_interval: 1000ms\n  repeat_interval: 12h\n"
    )


def test_the_portals_own_alerts_are_kept_for_whole_seconds() -> None:
    text = "kpi:\n  keep_firing_for: 5m\nalerts:\n  - alert: Lag\n    keep_firing_for: 1h\n"

    assert hasty_thresholds(text, pace=HASTE).count("keep_firing_for: 5s\n") == 1
    assert hasty_thresholds(text, pace=Pace(factor=600)).endswith("keep_firing_for: 6s\n")
    assert hasty_thresholds(text, pace=Pace(kept="1s")).count("keep_firing_for: 1s\n") == 2


def test_at_the_pace_of_production_rules_are_those_that_are_deployed() -> None:
    deployed = {path.name: yaml.safe_load(path.read_text()) for path in RULES.glob("*.yaml")}

    assert rule_files(PRODUCTION) == deployed


def test_in_haste_every_alert_is_there_once_and_every_recording_at_both_paces() -> None:
    deployed, hasty = all_rules(PRODUCTION), all_rules(HASTE)

    assert [rule["alert"] for rule in hasty if "alert" in rule] == [
        rule["alert"] for rule in deployed if "alert" in rule
    ]
    recorded = [rule for rule in deployed if "record" in rule]
    assert [rule for rule in hasty if rule.get("record", "").startswith("objective:")] == recorded
    assert len([rule for rule in hasty if rule.get("record", "").startswith("hasty:")]) == len(recorded)


def test_the_lag_and_the_time_of_maintenance_are_those_of_the_pace() -> None:
    rules = {rule.get("alert"): rule for rule in all_rules(HASTE)}

    assert rules["RollupLagHigh"]["expr"] == "max by (environment) (portal_rollup_lag_seconds) > 6"
    assert rules["MaintenanceLeftOn"]["for"] == "60000ms"
    assert rules["RollupLagHigh"]["for"] == "250ms"


def all_rules(pace: Pace) -> list[dict[str, str]]:
    return [
        rule
        for content in rule_files(pace).values()
        for group in content["groups"]
        for rule in group["rules"]
    ]
