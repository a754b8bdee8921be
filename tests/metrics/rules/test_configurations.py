"""What deploy/ has for Prometheus and Alertmanager, as their own tools see it."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from metrics.management.commands.export_rules import RULES
from tests.metrics.rules.test_alerts import ALERTS

DEPLOY = Path(settings.BASE_DIR) / "deploy"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yaml"
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yaml"


def tool(*command: str | Path) -> str:
    """What the tool prints; it must find no fault."""
    found = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def receivers_of(**labels: str) -> list[str]:
    words = [f"{name}={value}" for name, value in labels.items()]
    return tool("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *words).split()


@pytest.mark.prometheus
def test_promtool_finds_no_fault_in_the_rules() -> None:
    tool("promtool", "check", "rules", *sorted(RULES.glob("*.yaml")))


@pytest.mark.prometheus
def test_promtool_finds_no_fault_in_the_configuration() -> None:
    """The files of secrets are not there, so it is the syntax that is checked."""
    tool("promtool", "check", "config", "--syntax-only", PROMETHEUS)


@pytest.mark.alertmanager
def test_amtool_finds_no_fault() -> None:
    assert "6 inhibit rules" in tool("amtool", "check-config", ALERTMANAGER)


@pytest.mark.alertmanager
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"severity": "page", "environment": "production"}, "pages"),
        ({"severity": "page"}, "pages"),
        ({"severity": "ticket", "environment": "production"}, "tickets"),
        ({"severity": "page", "environment": "demo"}, "portal"),
        ({"severity": "page", "environment": "smoke"}, "portal"),
        ({"severity": "page", "environment": "smoke-free"}, "pages"),
    ],
)
def test_an_alert_goes_to_those_who_wait_for_it(labels: dict[str, str], receiver: str) -> None:
    assert receivers_of(alertname="RollupLagHigh", **labels) == [receiver]


def configuration(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.mark.alertmanager
@pytest.mark.parametrize("labels", [{}, {"window": "1h"}])
def test_nobody_is_told_of_maintenance_that_holds_others_back(labels: dict[str, str]) -> None:
    assert receivers_of(alertname="MaintenanceOn", severity="none", **labels) == ["nobody"]
    assert {"name": "nobody"} in configuration(ALERTMANAGER)["receivers"]


def test_every_other_receiver_tells_the_portal_with_a_key_from_a_file() -> None:
    receivers = [one for one in configuration(ALERTMANAGER)["receivers"] if one["name"] != "nobody"]

    assert len(receivers) == 3
    for receiver in receivers:
        (webhook,) = receiver["webhook_configs"]
        assert webhook["url"].endswith("/api/alerts/webhook/")
        assert webhook["http_config"]["authorization"]["credentials_file"].startswith("/run/secrets/")


def test_every_alert_that_holds_others_back_or_is_held_back_exists() -> None:
    names = {rule["alert"] for rule in ALERTS.values()}
    matchers = [
        matcher
        for rule in configuration(ALERTMANAGER)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]

    patterns = [re.fullmatch(r'alertname=~?"(.*)"', matcher) for matcher in matchers]
    alternatives = [
        alternative for pattern in patterns if pattern for alternative in alternatives_of(pattern[1])
    ]

    assert {one for one in alternatives if one not in names} == set()
    assert "AppServerLatencyHigh" in alternatives


def alternatives_of(pattern: str) -> list[str]:
    """A|B(C|D) as A, BC and BD."""
    found = []
    for part in re.findall(r"[^|(]+(?:\([^)]*\))?", pattern):
        stem, _, ends = part.partition("(")
        found += [stem + end for end in ends.rstrip(")").split("|")] if ends else [stem]
    return found


def test_no_alert_waits_for_longer_than_a_minute() -> None:
    """From the moment at which the portal shows it: scraped, evaluated, held, evaluated again, sent with others."""
    prometheus, alertmanager = configuration(PROMETHEUS)["global"], configuration(ALERTMANAGER)
    held = 15
    waits = (
        prometheus["scrape_interval"],
        prometheus["evaluation_interval"],
        prometheus["evaluation_interval"],
        alertmanager["route"]["group_wait"],
    )

    assert held + sum(int(wait.removesuffix("s")) for wait in waits) <= 60
