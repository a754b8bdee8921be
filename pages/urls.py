"""Addresses of the pages."""

from django.urls import path

from pages.alerting.views import show_alerts
from pages.annotating import add_annotation, edit_annotation
from pages.counted.views import show_counted
from pages.exporting.answers import with_csv
from pages.funnel.views import show_funnel, show_stopped_sessions
from pages.kpi.changes import show_changes
from pages.kpi.views import show_kpi
from pages.live.views import show_live
from pages.overview.arranging import arrange_overview
from pages.overview.views import show_overview
from pages.plan.event import show_event
from pages.plan.list import show_plan
from pages.plan.rejected import show_rejected
from pages.runbook import show_runbook
from pages.runs.retrying import retry_run
from pages.runs.views import show_run, show_runs
from pages.sharing.making import revoke, share_page, show_links
from pages.sharing.visiting import show_embedded_chart, show_shared_page
from pages.slos import show_slos
from pages.things.views import show_approval, show_draft, show_session
from pages.usage.agents import show_agents
from pages.usage.costs import show_costs
from people.views.refusals import counted

urlpatterns = [
    path("", with_csv(show_overview), name="overview"),
    path("overview/arrange/", arrange_overview, name="arrange-overview"),
    path("kpis/<slug:slug>/", show_kpi, name="kpi"),
    path("kpis/<slug:slug>/counted/", with_csv(show_counted), name="kpi-counted"),
    path("kpis/<slug:slug>/changes/", show_changes, name="kpi-changes"),
    path("annotations/add/", add_annotation, name="add-annotation"),
    path("annotations/<int:pk>/", edit_annotation, name="annotation"),
    path("agents/", show_agents, name="agents"),
    path("costs/", show_costs, name="costs"),
    path("funnel/", show_funnel, name="funnel"),
    path("funnel/sessions/", with_csv(show_stopped_sessions), name="funnel-sessions"),
    path("alerts/", with_csv(show_alerts), name="alerts"),
    path("live/", show_live, name="live"),
    path("runs/", with_csv(show_runs), name="runs"),
    # An id may have slashes, so what belongs to a run stands before the run itself.
    path("runs/<path:run_id>/retry/", retry_run, name="retry-run"),
    path("runs/<path:run_id>/", with_csv(show_run), name="run"),
    path("plan/", with_csv(show_plan), name="plan"),
    # The names of events that were rejected may have slashes.
    path("plan/rejected/<int:pk>/", with_csv(show_rejected), name="plan-rejected"),
    path("plan/<path:event>/", with_csv(show_event), name="plan-event"),
    path("sessions/<path:session_id>/", with_csv(show_session), name="session"),
    path("drafts/<path:draft_id>/", with_csv(show_draft), name="draft"),
    path("approvals/<path:approval_id>/", with_csv(show_approval), name="approval"),
    path("shared-links/", show_links, name="shared-links"),
    path("shared-links/add/", share_page, name="share-page"),
    path("shared-links/<int:pk>/revoke/", revoke, name="revoke-shared-link"),
    path("shared/<str:token>/", counted(show_shared_page), name="shared-page"),
    path("embed/<str:token>/", counted(show_embedded_chart), name="embedded-chart"),
    path("slos/", with_csv(show_slos), name="slos"),
    path("runbooks/<slug:name>/", show_runbook, name="runbook"),
]
