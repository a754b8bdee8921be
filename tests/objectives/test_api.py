from datetime import datetime

import pytest
from django.test import Client

from tests.builders import NOW, make_secret
from tests.objectives.builders import begin_counting, count

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(clock: datetime) -> dict[str, str]:
    return {"authorization": f"Bearer {make_secret(scope='read')}"}


def test_answers_every_objective_of_the_keys_environment_and_of_the_portal(
    client: Client, key: dict[str, str]
) -> None:
    begin_counting("workflow-success", environment="production")
    count("workflow-success", start=NOW, good=19, total=20, environment="production")
    count("workflow-success", start=NOW, good=0, total=20, environment="staging")

    answer = client.get("/api/slos/", headers=key).json()

    assert answer["environment"] == "production"
    found = {objective["objective"]: objective for objective in answer["objectives"]}
    assert len(found) == 6
    success = found["workflow-success"]
    assert {name: success[name] for name in ("environment", "target", "window_days", "good", "total")} == {
        "environment": "production",
        "target": 0.95,
        "window_days": 28,
        "good": 19,
        "total": 20,
    }
    assert (success["counted_since"], success["is_early"]) == ("2026-01-18T12:00:00Z", False)
    assert success["budget_left"] == pytest.approx(0)
    assert success["burn_rates"][0] == {"minutes": 5, "rate": pytest.approx(1)}
    assert success["days"][-1] | {"spent_minutes": 0} == {
        "date": "2026-02-15",
        "good": 19,
        "total": 20,
        "spent_minutes": 0,
    }
    latency = found["ingest-latency"]
    assert (latency["budget_left"], latency["counted_since"], latency["is_early"]) == (None, None, True)


@pytest.mark.parametrize(
    ("query", "status"), [("environment=staging", 403), ("environment=production", 200), ("limit=1", 400)]
)
def test_refuses_other_environments_and_parameters(
    client: Client, key: dict[str, str], query: str, status: int
) -> None:
    assert client.get(f"/api/slos/?{query}", headers=key).status_code == status
