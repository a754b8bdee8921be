"""What a person who is limited to some environments is shown, on every route that reads with a session.

Every table that the admin shows has rows of an environment that is closed to the person.
"""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from kpis.entered_counts import EnteredCountResource, EnteredCountsCsv
from people.access import limit_of
from people.models import Role
from telemetry.admin.big_tables import environment_field, is_within_limit
from telemetry.models import (
    ApiKey,
    Erasure,
    QuarantinedEvent,
    QuarantineJob,
    RawEvent,
    RejectionGroup,
    RetentionPolicy,
    RetentionRun,
)
from tests.builders import make_key
from tests.people.builders import make_person
from tests.routes import Route, all_routes
from tests.rows import BUILDERS, environment, invitation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_sidebar")]

OPEN, CLOSED = "open-place", "closed-place"
# Numbers that no page of an empty portal shows by chance.
NUMBERS = ("918273", "918,273", "918 273")
TABLES = [model for model in admin.site._registry if environment_field(model)]
# Who reads metrics is not decided by a session.
LEFT_OUT = {"logout", "metrics", "workbench-metrics"}
ROUTES = [route for route in all_routes(parts={"slug": "approval-rate"}) if route.name not in LEFT_OUT]
QUERIES = ("", f"environment={OPEN}", "environment=closed-plac", f"from=x&environment={OPEN}")
# What the admin shows of one row, or of none, is not chosen by a query.
OF_A_ROW = ("_add", "_change", "_delete", "_history")


def move_rows(*, to: str) -> None:
    """A row of every table, in the environment, with numbers that are recognised."""
    environment(to)
    for model in TABLES:
        row = BUILDERS[model](1)
        # An entry of the audit is final; the environment's own is there already.
        if environment_field(model) == "environment" and model is not AuditEntry:
            move(row, to=to)


def move(row: Model, *, to: str) -> None:
    is_key = row._meta.get_field("environment").is_relation
    values: dict[str, object] = {"environment_id" if is_key else "environment": to}
    for name in ("numerator", "events", "workflows", "accepted"):
        if any(field.name == name for field in row._meta.fields):
            values[name] = 918273
    type(row)._default_manager.filter(pk=row.pk).update(**values)


@pytest.fixture
def limited(client: Client) -> Client:
    """An admin who may do everything, in one environment."""
    environment(OPEN)
    move_rows(to=CLOSED)
    make_person("bob", role=Role.VIEWER, environments=[CLOSED])
    invitation(9, environments=[CLOSED])
    client.force_login(make_person("ada", role=Role.ADMIN, environments=[OPEN]))
    return client


def test_no_route_shows_another_environment(limited: Client) -> None:
    telling = []

    for route in ROUTES:
        is_of_a_row = route.name.startswith("admin:") and route.name.endswith(OF_A_ROW)
        for query in QUERIES[:1] if is_of_a_row else QUERIES:
            text = text_of(limited, route, query=query)
            telling += [(route.name, query) for word in (CLOSED, *NUMBERS) if word in text]

    assert telling == []


def text_of(client: Client, route: Route, *, query: str) -> str:
    answer = client.get(route.path, QUERY_STRING=query)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return content.decode(errors="replace") + str(answer.headers)


def test_rows_of_another_environment_do_not_exist_in_the_admin(limited: Client) -> None:
    assert [model.__name__ for model in TABLES if not is_hidden(limited, model)] == []


def is_hidden(limited: Client, model: type[Model]) -> bool:
    """Whether the row of the closed environment is not in its list, and its page is as that of no row."""
    place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    key = model._default_manager.filter(**{environment_field(model): CLOSED}).values_list("pk", flat=True)[0]

    change = limited.get(f"{place}{key}/change/")

    is_listed = f"/{key}/change/" in limited.get(place).content.decode()
    return not is_listed and (change.status_code, change.headers.get("Location")) == (302, "/admin/")


PATHS = (
    "/",
    "/kpis/approval-rate/",
    "/agents/",
    "/costs/",
    "/api/kpis/",
    "/api/kpis/approval-rate/",
    "/api/agents/",
    "/api/costs/",
    "/runs/",
    "/runs/r-1/",
    "/api/runs/",
)


def test_another_environment_is_answered_like_one_that_does_not_exist(limited: Client) -> None:
    for path in PATHS:
        closed, missing = (limited.get(path, {"environment": name}) for name in (CLOSED, "no-place"))

        assert (path, closed.status_code, missing.status_code) == (path, 404, 404)
        assert without_ids(closed.content) == without_ids(missing.content), path


def without_ids(content: bytes) -> bytes:
    """What differs from answer to answer: the request's id, the token of the form that signs out."""
    return re.sub(rb'"request_id":"[^"]*"|value="[^"]*"', b"", content)


def test_keys_are_made_for_open_environments_only(limited: Client) -> None:
    form = {
        "scope": "ingest",
        "source": "web",
        "requests_per_minute": "60",
        "expires_at_0": "",
        "expires_at_1": "",
    }

    refused = limited.post("/admin/telemetry/apikey/add/", form | {"environment_name": CLOSED})
    made = limited.post("/admin/telemetry/apikey/add/", form | {"environment_name": OPEN})

    assert (refused.status_code, made.status_code) == (200, 302)


def test_keys_of_open_environments_are_changed_rotated_and_revoked_and_no_others(limited: Client) -> None:
    now = timezone.now()
    ours, theirs = (make_key(environment=name, now=now) for name in (OPEN, CLOSED))
    place = "/admin/telemetry/apikey/"
    allowed = {"allowed_events": "agent.*", "notes": ""}

    statuses = [
        limited.post(f"{place}{key.pk}/change/", allowed).headers["Location"] for key in (ours, theirs)
    ]
    rotated = [
        limited.post(f"{place}{key.pk}/rotate/", {"amount": "3", "unit": "days"}).status_code
        for key in (ours, theirs)
    ]
    selected = {"action": "revoke_selected", "_selected_action": [ours.pk, theirs.pk]}
    limited.post(place, selected)

    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert statuses == [place, "/admin/"]
    assert (ours.allowed_events, theirs.allowed_events) == (["agent.*"], [])
    assert rotated == [302, 404]
    assert (ours.successor is None, theirs.successor is None) == (False, True)
    assert (ours.revoked_at is None, theirs.revoked_at is None) == (False, True)


def test_a_key_is_within_a_limit_by_the_name_of_its_environment(
    limited: Client, django_assert_num_queries: Any
) -> None:
    request = HttpRequest()
    request.user = User.objects.get(username="ada")
    limit_of(request.user)
    make_key(environment=OPEN, now=timezone.now())
    keys = {key.environment_id: key for key in ApiKey.objects.filter(environment__in=[OPEN, CLOSED])}

    # The name stands in the key's row, so no environment is read.
    with django_assert_num_queries(0):
        found = {name: is_within_limit(request, key) for name, key in keys.items()}
    assert found == {OPEN: True, CLOSED: False}


def test_targets_of_every_environment_are_seen_and_not_changed(limited: Client) -> None:
    row = BUILDERS[next(model for model in TABLES if model.__name__ == "Target")](9)

    page = limited.get(f"/admin/kpis/target/{row.pk}/change/")

    assert page.status_code == 200
    assert b'name="_save"' not in page.content


def test_nothing_is_entered_for_another_environment(limited: Client) -> None:
    form = {"date": "2026-01-01", "source": "console", "workflows": "3"}

    closed = limited.post("/admin/kpis/enteredcount/add/", form | {"environment": CLOSED})
    opened = limited.post("/admin/kpis/enteredcount/add/", form | {"environment": OPEN})

    assert (closed.status_code, opened.status_code) == (200, 302)


# Routes of one row, for the rows of a closed environment: (model, the path behind its key).
PATHS_OF_ROWS = (
    (Erasure, "receipt/"),
    (RejectionGroup, "replay/"),
    (RejectionGroup, "remove/"),
    (QuarantinedEvent, "replay/"),
    (QuarantinedEvent, "remove/"),
    (RetentionPolicy, "history/"),
)


@pytest.mark.parametrize(("model", "path"), PATHS_OF_ROWS)
def test_what_is_done_with_a_row_of_another_environment_is_not_found(
    limited: Client, model: type[Model], path: str
) -> None:
    key = model._default_manager.filter(environment=CLOSED).values_list("pk", flat=True)[0]
    answer = limited.get(f"/admin/telemetry/{model._meta.model_name}/{key}/{path}", follow=True)

    assert CLOSED not in answer.content.decode()
    assert answer.status_code == 404 or answer.redirect_chain


@pytest.mark.parametrize("button", ["confirm", "discard", "retry", "export"])
def test_an_erasure_of_another_environment_has_no_buttons(limited: Client, button: str) -> None:
    key = Erasure.objects.filter(environment=CLOSED).values_list("pk", flat=True)[0]

    assert limited.post(f"/admin/telemetry/erasure/{key}/{button}/").status_code == 404
    assert Erasure.objects.filter(pk=key).exists()


def test_a_raw_event_of_another_environment_does_not_exist(limited: Client) -> None:
    stored = RawEvent.objects.get(environment=CLOSED)

    assert (
        limited.get(f"/admin/telemetry/rawevent/{stored.day}.{stored.event_key}/change/").status_code == 302
    )


@pytest.mark.parametrize("environment", [CLOSED, ""])
@pytest.mark.parametrize(
    ("model", "form"),
    [
        (
            "retentionpolicy",
            {"subject": "quarantine", "event_pattern": "", "keep_days": "30", "_confirmed": "1"},
        ),
        ("retentionhold", {"reason": "An audit"}),
        ("erasure", {"kind": "session", "subject": "s-1", "mode": "remove", "later_events": "refuse"}),
    ],
)
def test_nothing_is_decided_for_another_environment_or_for_all(
    limited: Client, model: str, form: dict[str, str], environment: str
) -> None:
    place = f"/admin/telemetry/{model}/add/"
    field = "environment_name" if model == "erasure" else "environment"

    refused, made = (limited.post(place, form | {field: name}) for name in (environment, OPEN))

    assert (refused.status_code, made.status_code) == (200, 302)


def test_a_run_of_retention_is_not_begun_by_a_person_with_a_limit(limited: Client) -> None:
    assert limited.post("/admin/telemetry/retentionrun/run-now").status_code in {301, 302, 403, 404}
    assert RetentionRun.objects.filter(requested_by="ada").count() == 0


def test_jobs_notices_and_scratch_of_other_environments_are_not_listed(limited: Client) -> None:
    QuarantineJob.objects.update(selection={"environment": CLOSED}, requested_by="root")
    pages = {
        name: limited.get(f"/admin/telemetry/{name}/").context["cl"].queryset.count()
        for name in ("quarantinejob", "notice", "erasurething")
    }

    assert pages == {"quarantinejob": 0, "notice": 0, "erasurething": 0}


def test_counts_of_another_environment_are_not_imported(limited: Client) -> None:
    person = User.objects.get(username="ada")
    lines = [["date", "environment", "source", "workflows"], ["2026-01-01", CLOSED, "console", "3"]]
    text = "\n".join(",".join(line) for line in lines).encode()
    dataset = EnteredCountsCsv().create_dataset(text)

    result = EnteredCountResource().import_data(dataset, dry_run=True, user=person)

    assert (result.has_errors(), [row.error_count for row in result.invalid_rows]) == (False, [1])
