"""The access matrix: what each role is answered on every route, on every page of the admin and for each action there.

The cells of routes stand in faults/kinds/access.py, which the fault campaign asks a running portal for. A route, a
table or an action that no cell speaks of fails here.
"""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.processes.health import PROBES
from config.processes.probes import Probe
from faults.kinds.access import ROLES, expected_answers, is_allowed
from faults.prepare import FILLED_IN, make_visitors
from people.models import Role
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.models import MaintenanceWindow
from tests.builders import NOW
from tests.people.builders import make_person
from tests.routes import Route, all_routes
from tests.rows import BUILDERS

# Rights are decided before any statement that differs; test_admin_pages.py opens the same pages on both databases.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite"),
    pytest.mark.usefixtures("no_sidebar"),
]

ROUTES = [route for route in all_routes(parts=FILLED_IN) if "admin" not in route.name.split(":")]
ADMIN_ROUTES = [route for route in all_routes(parts=FILLED_IN) if "admin" in route.name.split(":")]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
# To make a client takes longer than its request.
STRANGER = Client(enforce_csrf_checks=True, raise_request_exception=False)

# People of the admin's tables. `reader` is staff with the permission to view that table and no other.
OUTSIDE = ("anonymous", "user", "viewer", "analyst", "operator")
INSIDE = ("staff", "reader", "admin", "superuser")
PEOPLE = OUTSIDE + INSIDE
# Those of OUTSIDE are led to the sign-in on every page, so the cells are those of INSIDE.
LED_AWAY = "302 302 302 302 302"
PAGES: Mapping[str, Mapping[str, str]] = {
    "read only": {
        "changelist": "403 200 200 200",
        "add": "403 403 403 403",
        "change": "403 200 200 200",
        "delete": "403 403 403 403",
        "history": "403 200 200 200",
    },
    "editable": {
        "changelist": "403 200 200 200",
        "add": "403 403 200 200",
        "change": "403 200 200 200",
        "delete": "403 403 200 200",
        "history": "403 200 200 200",
    },
    # Made, and then revoked, ended or carried out; never changed or deleted.
    "made": {
        "changelist": "403 200 200 200",
        "add": "403 403 200 200",
        "change": "403 200 200 200",
        "delete": "403 403 403 403",
        "history": "403 200 200 200",
    },
    # Only superusers make groups. The first of the list is a role, which nobody deletes.
    "auth.group": {
        "changelist": "403 200 200 200",
        "add": "403 403 403 200",
        "change": "403 200 200 200",
        "delete": "403 403 403 403",
        "history": "403 200 200 200",
    },
    # The first of the list is a superuser, whom admins may only look at.
    "auth.user": {
        "changelist": "403 200 200 200",
        "add": "403 403 200 200",
        "change": "403 200 200 200",
        "delete": "403 403 403 200",
        "history": "403 200 200 200",
    },
    # Sessions begin by signing in; to end one is to delete it.
    "usersessions.usersession": {
        "changelist": "403 200 200 200",
        "add": "403 403 403 403",
        "change": "403 200 200 200",
        "delete": "403 403 200 200",
        "history": "403 200 200 200",
    },
}
MADE = ("people.invitation", "telemetry.apikey", "telemetry.erasure", "telemetry.maintenancewindow")
# Which of INSIDE an action obeys, for every action of a list that there is. It never obeys OUTSIDE.
ACTIONS: Mapping[tuple[str, str], str] = {
    ("auth.group", "delete_selected"): "no no no yes",
    ("auth.user", "delete_selected"): "no no yes yes",
    ("auth.user", "end_selected_sessions"): "no no yes yes",
    ("auth.user", "remove_selected_second_factors"): "no no yes yes",
    ("auth.user", "unlink_selected"): "no no yes yes",
    ("kpis.baseline", "delete_selected"): "no no yes yes",
    ("kpis.enteredcount", "delete_selected"): "no no yes yes",
    ("kpis.target", "delete_selected"): "no no yes yes",
    ("people.invitation", "revoke_selected"): "no no yes yes",
    ("sharing.sharedlink", "revoke_selected"): "no no yes yes",
    ("telemetry.apikey", "revoke_selected"): "no no yes yes",
    ("telemetry.noticeroute", "delete_selected"): "no no yes yes",
    ("telemetry.maintenancewindow", "end_selected"): "no no yes yes",
    ("telemetry.quarantinedevent", "remove_selected"): "no no yes yes",
    ("telemetry.quarantinedevent", "replay_selected"): "no no yes yes",
    ("telemetry.rejectiongroup", "remove_groups"): "no no yes yes",
    ("telemetry.rejectiongroup", "replay_groups"): "no no yes yes",
    ("telemetry.retentionhold", "delete_selected"): "no no yes yes",
    ("telemetry.retentionpolicy", "delete_selected"): "no no yes yes",
    ("usersessions.usersession", "end_selected"): "no no yes yes",
}
# What a get of a page of the admin that is no table's own is answered, by the name of its route.
OWN_PAGES: Mapping[str, str] = {
    "audit_auditentry_csv": "403 200 200 200",
    "audit_auditentry_json": "403 200 200 200",
    "auth_user_password_change": "403 403 200 200",
    "kpis_baseline_take_from_past": "403 403 200 200",
    "kpis_enteredcount_export": "403 200 200 200",
    "kpis_enteredcount_import": "403 403 200 200",
    # Only posts are taken, here and by the buttons of erasures.
    "kpis_enteredcount_process_import": "405 405 405 405",
    "telemetry_apikey_rotate": "403 403 200 200",
    "telemetry_erasure_confirm": "403 403 403 403",
    "telemetry_erasure_discard": "403 403 403 403",
    "telemetry_erasure_export": "403 403 403 403",
    "telemetry_erasure_receipt": "403 200 200 200",
    "telemetry_erasure_retry": "403 403 403 403",
    "telemetry_planversion_compare": "403 200 200 200",
    "telemetry_planversion_in_use": "403 200 200 200",
    "telemetry_quarantinedevent_remove": "403 403 200 200",
    "telemetry_quarantinedevent_replay": "403 403 200 200",
    "telemetry_rejectiongroup_remove": "403 403 200 200",
    "telemetry_rejectiongroup_replay": "403 403 200 200",
    "telemetry_retentionrun_run_now": "403 403 200 200",
}
# And a post of them, with nothing filled in: who is let to the form or the work, and who is refused.
OWN_POSTS: Mapping[str, str] = {
    "auth_user_password_change": "403 403 200 200",
    "kpis_baseline_take_from_past": "403 403 200 200",
    "kpis_enteredcount_import": "403 403 200 200",
    "kpis_enteredcount_process_import": "403 403 302 302",
    "telemetry_apikey_rotate": "403 403 200 200",
    "telemetry_erasure_confirm": "403 403 302 302",
    "telemetry_erasure_discard": "403 403 302 302",
    "telemetry_erasure_export": "403 403 200 200",
    "telemetry_erasure_retry": "403 403 302 302",
    "telemetry_quarantinedevent_remove": "403 403 200 200",
    "telemetry_quarantinedevent_replay": "403 403 200 200",
    "telemetry_rejectiongroup_remove": "403 403 200 200",
    "telemetry_rejectiongroup_replay": "403 403 200 200",
    "telemetry_retentionrun_run_now": "403 403 302 302",
}
# The row that a page is about, where the first one has not come to its state.
ROWS = {"telemetry_erasure_export": 0, "telemetry_erasure_confirm": 0, "telemetry_erasure_retry": 2}
# unfold's own kinds of actions have routes, of which OWN_PAGES speaks, or are buttons beside Save.
BUTTONS = {"auth.user": ("make_reset_link", "end_all_sessions", "remove_second_factor")}


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROBES:
        monkeypatch.setitem(PROBES, name, Probe(lambda: "fine"))


@pytest.fixture
def visitors() -> Mapping[str, Mapping[str, str]]:
    return make_visitors(now=NOW)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_route_has_a_cell(method: str) -> None:
    missing = [
        route.pattern for route in (*ROUTES, *ADMIN_ROUTES) if expected_answers(method, route.pattern) is None
    ]

    assert missing == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_role_is_answered_as_the_matrix_says(
    clock: Any, visitors: Mapping[str, Mapping[str, str]], method: str
) -> None:
    wrong = [
        f"{method} {route.pattern or '(root)'} as {role}: {status}, not {expected}"
        for route in ROUTES
        for role, status, expected in answers(route, method=method, visitors=visitors)
        if not is_allowed(status, expected)
    ]

    assert wrong == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_without_a_session_sees_a_page_of_the_admin(
    clock: Any, visitors: Mapping[str, Mapping[str, str]], method: str
) -> None:
    """What people with a session see there is in the tests below, a table at a time."""
    keys = {role: visitors[role] for role in ("anonymous", "read", "disabled")}
    wrong = [
        f"{method} {route.pattern} as {role}: {status}, not {expected}"
        for route in ADMIN_ROUTES
        for role, status, expected in answers(route, method=method, visitors=keys)
        if not is_allowed(status, expected)
    ]

    assert wrong == []


def answers(
    route: Route, *, method: str, visitors: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, int, str]]:
    """(role, status, expected cell) for each visitor; what a post would change is taken back."""
    cells = dict(zip(ROLES, expected_answers(method, route.pattern) or [], strict=False))
    for role, headers in visitors.items():
        STRANGER.cookies.clear()
        cache.clear()
        with transaction.atomic():
            yield role, STRANGER.generic(method, route.path, headers=dict(headers)).status_code, cells[role]
            transaction.set_rollback(True)


def kind_of(model: type[Model]) -> str:
    label = model._meta.label_lower
    if label in PAGES:
        return label
    if label in MADE:
        return "made"
    is_read_only = isinstance(admin.site.get_model_admin(model), ReadOnlyModelAdmin)
    return "read only" if is_read_only else "editable"


def person(name: str, *, model: type[Model]) -> User | None:
    """One of PEOPLE; None for the anonymous one."""
    if name == "anonymous":
        return None
    user = User.objects.filter(username=f"access-{name}").first() or make_person(
        f"access-{name}", role=Role(name) if name in Role.values else None, is_superuser=name == "superuser"
    )
    if name in {"staff", "reader"}:
        User.objects.filter(pk=user.pk).update(is_staff=True)
    if name == "reader":
        user.user_permissions.add(permission_to_view(model))
    return user


def permission_to_view(model: type[Model]) -> Permission:
    label = model._meta
    return Permission.objects.get(
        content_type__app_label=label.app_label, codename=f"view_{label.model_name}"
    )


def client_of(name: str, *, model: type[Model]) -> Client:
    client = Client(raise_request_exception=False)
    user = person(name, model=model)
    if user is not None:
        client.force_login(user)
    return client


def statuses_of(paths: Mapping[str, str], *, model: type[Model], method: str = "GET") -> dict[str, str]:
    """What each of PEOPLE is answered, by page; each has one client for all pages. What changed is taken back."""
    opened: dict[str, list[str]] = {page: [] for page in paths}
    for name in PEOPLE:
        client = client_of(name, model=model)
        for page, path in paths.items():
            with transaction.atomic():
                opened[page].append(str(client.generic(method, path).status_code))
                transaction.set_rollback(True)
    return {page: " ".join(statuses) for page, statuses in opened.items()}


def led_away(cells: Mapping[str, str]) -> dict[str, str]:
    return {page: f"{LED_AWAY} {answers}" for page, answers in cells.items()}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_every_page_of_a_table_is_for_those_whom_the_matrix_names(model: type[Model]) -> None:
    BUILDERS[model](1)

    opened = statuses_of(pages_of(model), model=model)

    assert opened == led_away(PAGES[kind_of(model)])


def own_page_names() -> set[str]:
    """Names of the admin's routes of tables that Django's own admin classes do not have."""
    usual = ("_changelist", "_add", "_change", "_delete", "_history")
    names = {route.name.removeprefix("admin:") for route in ADMIN_ROUTES if "_" in route.name}
    tables = tuple(f"{model._meta.app_label}_{model._meta.model_name}_" for model in MODELS)
    return {name for name in names if name.startswith(tables) and not name.endswith(usual)} | {
        "auth_user_password_change"
    }


def test_every_own_page_of_the_admin_has_a_cell() -> None:
    assert own_page_names() == set(OWN_PAGES)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_every_own_page_of_the_admin_is_for_those_whom_the_matrix_names(clock: Any, name: str) -> None:
    model = model_of(name)
    paths = {name: path_of(name, row=BUILDERS[model](ROWS.get(name, 1)))}

    assert statuses_of(paths, model=model) == led_away({name: OWN_PAGES[name]})


@pytest.mark.parametrize("name", OWN_POSTS)
def test_every_post_to_an_own_page_is_for_those_whom_the_matrix_names(clock: Any, name: str) -> None:
    model = model_of(name)
    paths = {name: path_of(name, row=BUILDERS[model](ROWS.get(name, 1)))}

    assert statuses_of(paths, model=model, method="POST") == led_away({name: OWN_POSTS[name]})


def model_of(name: str) -> type[Model]:
    (model,) = [
        model for model in MODELS if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_")
    ]
    return model


def path_of(name: str, *, row: Model) -> str:
    """Of the own page, about the row where it is about one."""
    (route,) = [route for route in ADMIN_ROUTES if route.name == f"admin:{name}"]
    return re.sub(r"/(x|1)/(?=[a-z]+/$)", f"/{row.pk}/", route.path)


def pages_of(model: type[Model]) -> dict[str, str]:
    """Paths of a table's pages; those of a row are as the list links to it, because a key may be of two parts."""
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    changelist = reverse(f"{base}_changelist")
    page = client_of("superuser", model=model).get(changelist).content.decode()
    (change, *_) = re.findall(rf'"({changelist}[^"?/]+/change/)', page)
    one = {name: change.replace("/change/", f"/{name}/") for name in ("change", "delete", "history")}
    return {"changelist": changelist, "add": reverse(f"{base}_add"), **one}


def all_actions() -> dict[tuple[str, str], type[Model]]:
    """Every action that a superuser is offered, by table and name."""
    request = RequestFactory().get("/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    return {
        (model._meta.label_lower, name): model
        for model in MODELS
        for name in admin.site.get_model_admin(model).get_actions(request)
    }


def test_every_action_has_a_cell() -> None:
    assert set(all_actions()) == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=".".join)
def test_every_action_obeys_those_whom_the_matrix_names(clock: Any, action: tuple[str, str]) -> None:
    model = all_actions()[action]
    row = BUILDERS[model](1)
    # One that is over is not ended again.
    MaintenanceWindow.objects.update(ends_at=None)

    obeyed = [has_acted(client_of(name, model=model), row, action=action[1]) for name in PEOPLE]

    assert " ".join("yes" if acted else "no" for acted in obeyed) == f"no no no no no {ACTIONS[action]}"


def has_acted(client: Client, row: Model, *, action: str) -> bool:
    """Whether anything was changed or removed, and not only asked about; it is taken back."""
    path = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")
    form = {"action": action, "_selected_action": [row.pk], "post": "yes", "confirmed": "yes", "index": 0}
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        status = client.post(path, form).status_code
        transaction.set_rollback(True)
    assert status < HTTPStatus.INTERNAL_SERVER_ERROR
    return any(is_change(query["sql"]) for query in queries)


def is_change(statement: str) -> bool:
    """Not that of the session that asks, which is stored with each answer."""
    is_of_session = any(f'"{table}"' in statement for table in ("django_session", "usersessions_usersession"))
    return (statement.startswith(("INSERT", "UPDATE")) and not is_of_session) or statement.startswith(
        "DELETE"
    )


def test_every_button_beside_save_is_known() -> None:
    """They act on a form that its page lets a person save, so whoever may change the row may press them."""
    found = {
        model._meta.label_lower: tuple(admin.site.get_model_admin(model).actions_submit_line)
        for model in MODELS
        if admin.site.get_model_admin(model).actions_submit_line
    }

    assert found == BUTTONS


def test_no_action_of_unfold_is_without_a_page_in_the_matrix() -> None:
    found = {
        f"{model._meta.app_label}_{model._meta.model_name}_{action}"
        for model in MODELS
        for kind in ("actions_list", "actions_row", "actions_detail")
        for action in getattr(admin.site.get_model_admin(model), kind, ())
    }

    assert found <= set(OWN_PAGES)
