"""Counters through kills, as a real Prometheus has them; and that it is found when they are wrong."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from faults.campaign import Campaign, Row
from faults.kinds.counters import compare_counters
from faults.programs import Portal
from faults.stage import Stage
from faults.truth import Truth
from tests.prometheus import Prometheus

NAME = "twenty-kills"


@pytest.mark.processes
@pytest.mark.prometheus
def test_prometheus_has_each_accepted_event_once_after_kills(tmp_path: Path) -> None:
    campaign = Campaign(is_short=True, judges_times=False)

    [row] = campaign.run_on("SQLite", names=[NAME], folder=tmp_path)

    assert row.complaints == []
    assert row.outcome is not None
    assert row.outcome.truth.accepted > 0


@dataclass
class Stored(Prometheus):
    """What a Prometheus would answer, without one."""

    counted: float = 1000
    changes: float = 7
    fallen: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def get(self, path: str, **parameters: str) -> Any:
        assert (path, parameters) == ("label/__name__/values", {"match[]": '{environment="here"}'})
        return ["workbench_events_total", "agent_duration_seconds_bucket", "workflows_active"]

    def vector(self, expression: str) -> list[tuple[dict[str, str], float]]:
        self.asked.append(expression)
        if expression.startswith("resets("):
            return [({}, 1.0)] if any(name in expression for name in self.fallen) else []
        if expression.startswith("timestamp("):
            return [({}, 1e12)]
        return [({}, self.changes if "changes" in expression else self.counted)]


@pytest.mark.parametrize(
    ("stored", "complaints"),
    [
        (Stored(), []),
        (
            Stored(counted=1001),
            ["Prometheus has 1,001 of 1,000 in workbench_events_total", "Prometheus has 1,001"],
        ),
        (
            Stored(counted=999),
            ["Prometheus has 999 of 1,000 in workbench_events_total", "Prometheus has 999"],
        ),
        (
            Stored(changes=0),
            ["Prometheus did not see workbench_", "Prometheus did not see portal_events_received"],
        ),
        (Stored(fallen=("agent_duration",)), ["fell: agent_duration_seconds_bucket"]),
        # A gauge may fall.
        (Stored(fallen=("workflows_active",)), []),
    ],
)
def test_finds_counters_that_are_wrong(stored: Stored, complaints: list[str], tmp_path: Path) -> None:
    stage = Stage(portal=Portal(command=[], folder=tmp_path, data_dir=tmp_path))
    truth = Truth(accepted=1000, rows=1000, lost=0, doubled=0, wrong_kpis=[])

    compare_counters(stage, stored, "here", truth)

    assert len(stage.complaints) == len(complaints)
    assert all(found.startswith(said) for found, said in zip(stage.complaints, complaints, strict=True))


def test_a_fault_that_needs_a_missing_program_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("faults.campaign.services.missing", lambda: ["prometheus"])
    monkeypatch.setattr("faults.campaign.stage_for", lambda *_, **__: nullcontext())
    monkeypatch.setattr(
        Campaign, "strike", lambda self, name, *, stage, database: Row(fault=name, database=database)
    )

    rows = list(Campaign().run_on("SQLite", names=[NAME, "bombs"], folder=tmp_path))

    assert {row.fault: row.missing for row in rows} == {NAME: ["prometheus"], "bombs": ()}
