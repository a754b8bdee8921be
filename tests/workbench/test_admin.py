import pytest
from django.test import Client

from workbench.models import AgentRun, WorkflowRun

pytestmark = pytest.mark.django_db

RUNS = "/admin/workbench/workflowrun/"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        pytest.param("", ["r-1"], id="running"),
        pytest.param("failed", ["r-2"], id="failed"),
        pytest.param("cancelled", [], id="none has it"),
    ],
)
def test_runs_are_filtered_by_status_and_those_without_one_are_running(
    status: str, shown: list[str], admin_client: Client
) -> None:
    for run_id, run_status in (("r-1", ""), ("r-2", "failed")):
        WorkflowRun.objects.create(environment="production", run_id=run_id, status=run_status)

    page = admin_client.get(f"{RUNS}?status={status}").content.decode()

    assert [run_id for run_id in ("r-1", "r-2") if f">{run_id}<" in page] == shown


def test_a_run_is_found_by_its_whole_id_in_every_environment(admin_client: Client) -> None:
    for name, run_id in (("production", "r-1"), ("staging", "r-1"), ("production", "r-10")):
        WorkflowRun.objects.create(environment=name, run_id=run_id)

    page = admin_client.get(f"{RUNS}?q=r-1").content.decode()

    assert (page.count(">r-1<"), page.count(">r-10<")) == (2, 0)


def test_agent_runs_are_found_by_their_workflow_run(admin_client: Client) -> None:
    for agent_run_id, run_id in (("a-1", "r-1"), ("a-2", "r-2")):
        AgentRun.objects.create(environment="production", agent_run_id=agent_run_id, run_id=run_id)

    page = admin_client.get("/admin/workbench/agentrun/?q=r-1").content.decode()

    assert (">a-1<" in page, ">a-2<" in page) == (True, False)
