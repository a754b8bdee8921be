"""Hostile requests over every address of the admin: a superuser gets a client's fault and never a 500."""

from urllib.parse import quote as quoted
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from tests.rows import BUILDERS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_sidebar")]

REGISTERED = list(admin.site._registry)
WRITABLE = [model for model in REGISTERED if not isinstance(admin.site._registry[model], ReadOnlyModelAdmin)]
HUGE = "9" * 30
VALUES = ("", "\0", HUGE, "x" * 3000)
DATES = ("2026-13-45", "0001-01-01", "9999-12-31", "nan", "1e400")
OTHERS = ("", "jsi18n/", f"r/{HUGE}/\0/", "password_change/", "telemetry/", "nothing/", "\0")


def status(
    client: Client, method: str, path: str, *, query: str = "", form: dict[str, str] | None = None
) -> int:
    """Of the answer; what the request changed is undone."""
    with transaction.atomic():
        response = client.generic(
            method,
            quoted(path),
            urlencode(form or {}).encode(),
            content_type="application/x-www-form-urlencoded",
            QUERY_STRING=query,
        )
        transaction.set_rollback(True)
    return response.status_code


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def superuser(admin_client: Client) -> Client:
    admin_client.raise_request_exception = False
    return admin_client


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_no_id_breaks_a_page_of_a_row(superuser: Client, model: type[Model]) -> None:
    pages = ("change", "delete", "history")
    paths = [f"{list_of(model)}{id}/{page}/" for id in (*VALUES[1:], "_ff", "%ff") for page in pages]

    assert [path for path in paths if status(superuser, "GET", path) >= 500] == []


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_no_query_breaks_a_list_or_a_row(superuser: Client, model: type[Model]) -> None:
    BUILDERS[model](1)
    row = f"{list_of(model)}{quote(model._default_manager.all()[0].pk)}/change/"
    requests = [(row, "_to_field", value) for value in VALUES[:2]]
    requests += [(list_of(model), name, value) for name in ("q", "p", "id__exact") for value in VALUES[1:3]]

    broken = [
        (path, name, value)
        for path, name, value in requests
        if status(superuser, "GET", path, query=urlencode({name: value})) >= 500
    ]

    assert broken == []


@pytest.mark.parametrize("model", WRITABLE, ids=lambda model: model.__name__)
@pytest.mark.parametrize("value", [*VALUES, *DATES], ids=lambda value: ascii(value[:9]))
def test_no_form_breaks_a_new_row_or_an_action(superuser: Client, model: type[Model], value: str) -> None:
    parts = ("environment_name", "expires_at_0", "expires_at_1", "password1", "password2")
    names = [*parts, *(field.name for field in model._meta.get_fields())]
    action = {"action": "delete_selected", "_selected_action": value, "index": value}

    assert status(superuser, "POST", f"{list_of(model)}add/", form=dict.fromkeys(names, value)) < 500
    assert status(superuser, "POST", list_of(model), form=action) < 500


@pytest.mark.parametrize("path", OTHERS)
def test_no_other_page_of_the_admin_breaks(superuser: Client, path: str) -> None:
    assert status(superuser, "GET", f"/admin/{path}", query=urlencode({"next": "\0"})) < 500


def test_a_hostile_search_for_a_related_row_is_the_clients_fault(superuser: Client) -> None:
    field = {"app_label": "kpis", "model_name": "target", "field_name": "set_by", "term": "\0"}

    assert status(superuser, "GET", "/admin/autocomplete/", query=urlencode(field)) == 400
