"""What readers choose at the top of the dashboards."""

from kpis.reading.windows import WINDOWS
from kpis.registry import Persona
from metrics.dashboards.panels import Variable

# Every environment that has a key has this family.
ENVIRONMENT = Variable(
    name="environment", label="Environment", query="label_values(portal_arrivals_pending, environment)"
)
PERSONA = Variable(name="persona", label="Persona", values=[persona.value for persona in Persona])
# The week first: it has data on the first day, and is not as restless as today.
WINDOW = Variable(
    name="window", label="Window", values=sorted(WINDOWS, key=lambda name: name != "7d"), is_multi=False
)
WORKFLOW = Variable(
    name="workflow",
    label="Workflow",
    query='label_values(workflow_execution_minutes_total{environment=~"$environment"}, workflow)',
)
AGENT = Variable(
    name="agent", label="Agent", query='label_values(agent_runs_total{environment=~"$environment"}, agent)'
)
ROUTE = Variable(
    name="route",
    label="Route",
    query='label_values(appserver_requests_total{environment=~"$environment"}, route)',
)
OBJECTIVE = Variable(
    name="objective", label="Objective", query="label_values(objective:target:ratio, objective)"
)
