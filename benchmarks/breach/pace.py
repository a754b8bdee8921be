"""The rules and routes of deploy/ with every duration divided: an hour passes in seconds, and expressions stay."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.servers import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules"
# As Prometheus writes durations, in seconds.
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
DURATION = r"\d+(?:ms|[smhdw])\b"
# In an expression: [5m], both parts of [5m:1m], and offset 1d. Names like rate5m and labels like window="1h" stay.
IN_EXPRESSION = re.compile(rf"(\[|:|offset )({DURATION})")
# The names that are recorded, but not the label of the same name.
RECORDED = re.compile(r"\bobjective:(?=\w)")
# The threshold of RollupLagHigh is a time too, though no duration.
LAG = re.compile(r"(?<=\(portal_rollup_lag_seconds\) > )60$")
# What a breach waits for in the routes.
ROUTE_WAITS = re.compile(rf"(group_wait: |group_interval: )({DURATION})")
# In the file of thresholds.
KEPT = re.compile(rf"^( *keep_firing_for: )({DURATION})", re.MULTILINE)
# The messages of one evaluation come together still.
SHORTEST_WAIT = 0.5

Rules = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast time passes for Prometheus and Alertmanager.

    There are scrapes and evaluations every `scrape_seconds`, and durations are divided by `factor`. RollupLagHigh fires
    at `lag_seconds`, MaintenanceLeftOn after `left_on`, a duration that is divided too. Alerts are kept for `kept`, as
    long as that is divided; empty: as they are deployed.
    """

    scrape_seconds: float = 10
    factor: float = 1
    lag_seconds: float = 60
    left_on: str = "1h"
    kept: str = ""


PRODUCTION = Pace()


def rule_files(pace: Pace) -> dict[str, Rules]:
    """The contents of the rule files by name.

    With a factor there are two of each: `hasty-…` with shorter windows, whose recorded names begin with `hasty:`, and
    the deployed recordings without alerts.
    """
    paths = sorted(RULES.glob("*.yaml"))
    deployed = {path.name: with_numbers(read_rules(path), pace=pace) for path in paths}
    if pace.factor == 1:
        return deployed
    return {
        **{f"hasty-{name}": hasty(content, pace=pace) for name, content in deployed.items()},
        **{name: recordings(content, pace=pace) for name, content in deployed.items()},
    }


def read_rules(path: Path) -> Rules:
    content: Rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def with_numbers(content: Rules, *, pace: Pace) -> Rules:
    """The rules with the pace's own lag, time of maintenance, and time for which alerts are kept."""
    for rule in (rule for group in content["groups"] for rule in group["rules"]):
        rule["expr"] = LAG.sub(f"{pace.lag_seconds:g}", rule["expr"])
        if rule.get("alert") == "MaintenanceLeftOn":
            rule["for"] = pace.left_on
        if pace.kept and "keep_firing_for" in rule:
            rule["keep_firing_for"] = pace.kept
    return content


def hasty(content: Rules, *, pace: Pace) -> Rules:
    groups = [
        {
            "name": f"hasty-{group['name']}",
            "interval": duration_text(pace.scrape_seconds),
            "rules": [hasty_rule(rule, factor=pace.factor) for rule in group["rules"]],
        }
        for group in content["groups"]
    ]
    return {"groups": groups}


def hasty_rule(rule: Rules, *, factor: float) -> Rules:
    hold: Rules = {
        wait: divided(rule[wait], by=factor) for wait in ("for", "keep_firing_for") if wait in rule
    }
    name = {"record": hasty_names(rule["record"])} if "record" in rule else {}
    return {**rule, **hold, **name, "expr": hasty_expression(rule["expr"], factor=factor)}


def hasty_names(text: str) -> str:
    return RECORDED.sub("hasty:objective:", text)


def hasty_expression(expression: str, *, factor: float) -> str:
    """The expression with shorter windows, of what is recorded with shorter windows."""
    return IN_EXPRESSION.sub(lambda found: found[1] + divided(found[2], by=factor), hasty_names(expression))


def recordings(content: Rules, *, pace: Pace) -> Rules:
    """What is recorded as it is deployed, and evaluated with every scrape."""
    groups = [
        {
            "name": group["name"],
            "interval": duration_text(pace.scrape_seconds),
            "rules": [rule for rule in group["rules"] if "record" in rule],
        }
        for group in content["groups"]
    ]
    return {"groups": [group for group in groups if group["rules"]]}


def hasty_routes(text: str, *, factor: float) -> str:
    """The configuration of Alertmanager with shorter waits."""
    return ROUTE_WAITS.sub(
        lambda found: found[1] + divided(found[2], by=factor, at_least=SHORTEST_WAIT), text
    )


def hasty_thresholds(text: str, *, pace: Pace) -> str:
    """metrics/thresholds.yaml, in which the portal's own alerts are kept for a shorter time: for whole seconds."""
    return KEPT.sub(
        lambda found: f"{found[1]}{max(round(seconds_of(pace.kept or found[2]) / pace.factor), 1)}s", text
    )


def divided(duration: str, *, by: float, at_least: float = 0.001) -> str:
    return duration_text(max(seconds_of(duration) / by, at_least))


def seconds_of(duration: str) -> float:
    number = duration.rstrip("mshdw")
    return int(number) * UNITS[duration.removeprefix(number)]


def duration_text(seconds: float) -> str:
    """In whole milliseconds, as Prometheus and Alertmanager take it."""
    return f"{round(seconds * 1000)}ms"
