"""Runs of workflows with their agents and model calls, made by the database itself: a million in a minute."""

from django.db import connection

AGENTS_A_RUN = 10
# The last run of a large environment; it has as many agents as a page must bear.
LARGE_RUN = "large"
LARGE_RUN_AGENTS = 200

# Every 10 s a run of one of 40 workflows: 4 % fail with one of 8 errors, the newest three still run.
RUNS = """
INSERT INTO workbench_workflowrun
  (environment, run_id, session_id, draft_id, workflow_id, workflow_name, trigger, trace_id, retry_of_run_id,
   first_seen_at, last_seen_at, started_at, completed_at, status, duration_ms, error_type, counted_in, observed_in)
SELECT 'production', 'r-' || n, 's-' || n / 4, '', '', 'workflow-' || n %% 40,
  CASE WHEN n %% 3 = 0 THEN 'user' ELSE 'schedule' END, '', CASE WHEN n %% 97 = 0 THEN 'r-' || n - 1 ELSE '' END,
  begun, begun + interval '30 s', begun, CASE WHEN n < 3 THEN NULL ELSE begun + interval '30 s' END,
  CASE WHEN n < 3 THEN '' WHEN n %% 25 = 7 THEN 'failed' ELSE 'completed' END,
  CASE WHEN n < 3 THEN NULL ELSE 5000 + n * 37 %% 60000 END,
  CASE WHEN n %% 25 = 7 THEN 'Error' || n %% 8 ELSE '' END, 1, 1
FROM (SELECT n, now() - n * interval '10 s' AS begun FROM generate_series(0, %(runs)s - 1) AS n) AS made"""

AGENTS = """
INSERT INTO workbench_agentrun
  (environment, agent_run_id, run_id, session_id, agent_name, agent_id, action, model, attempt, trace_id, span_id,
   parent_span_id, started_at, completed_at, status, duration_ms, error_type, cost_micro_usd, input_tokens,
   output_tokens, calls, prior_run_id, counted_in, observed_in)
SELECT 'production', run_id || '-' || a, run_id, session_id, 'agent-' || a %% 6, '', 'work', 'model-small', 1, '',
  run_id || '-' || a, CASE WHEN a > 0 THEN run_id || '-' || a / 4 ELSE '' END,
  first_seen_at + a * interval '1 s', first_seen_at + a * interval '1 s' + interval '2 s',
  CASE WHEN a = 3 AND status = 'failed' THEN 'failed' ELSE 'completed' END, 2000,
  CASE WHEN a = 3 THEN error_type ELSE '' END, 900, 1200, 300, 0, '', 1, 1
FROM workbench_workflowrun, generate_series(0, %(agents)s - 1) AS a
WHERE (run_id = %(large)s) = %(is_large)s"""

LARGE = """
INSERT INTO workbench_workflowrun
  (environment, run_id, session_id, draft_id, workflow_id, workflow_name, trigger, trace_id, retry_of_run_id,
   first_seen_at, last_seen_at, started_at, completed_at, status, duration_ms, error_type, counted_in, observed_in)
SELECT environment, %(large)s, session_id, draft_id, workflow_id, workflow_name, trigger, trace_id, '',
  first_seen_at, last_seen_at, started_at, completed_at, 'failed', duration_ms, 'Error7', 1, 1
FROM workbench_workflowrun WHERE run_id = 'r-7'"""


def make_runs(*, runs: int) -> None:
    """So many runs with ten agents each, and one with two hundred."""
    with connection.cursor() as cursor:
        cursor.execute(RUNS, {"runs": runs})
        cursor.execute(LARGE, {"large": LARGE_RUN})
        for agents, is_large in ((AGENTS_A_RUN, False), (LARGE_RUN_AGENTS, True)):
            cursor.execute(AGENTS, {"agents": agents, "large": LARGE_RUN, "is_large": is_large})
        cursor.execute("VACUUM ANALYZE workbench_workflowrun")
        cursor.execute("VACUUM ANALYZE workbench_agentrun")


def place_of_page(number: int, *, size: int) -> str:
    """The cursor of that page of the list, so that nobody has to turn the pages before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (date_part('epoch', first_seen_at) * 1000000)::bigint || '-' || id FROM workbench_workflowrun "
            "WHERE environment = 'production' AND first_seen_at IS NOT NULL "
            "ORDER BY first_seen_at DESC, id DESC OFFSET %s LIMIT 1",
            [(number - 1) * size - 1],
        )
        (place,) = cursor.fetchone()
    return str(place)
