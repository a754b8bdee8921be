"""Every page of the admin, over its registry: it opens, and it costs the same however many rows there are."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from tests.rows import BUILDERS, environment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_sidebar")]

OURS = [
    model
    for app in ("telemetry", "workbench", "kpis", "objectives")
    for model in apps.get_app_config(app).get_models()
]
REGISTERED = list(admin.site._registry)
READ_ONLY = [
    model for model in REGISTERED if isinstance(admin.site.get_model_admin(model), ReadOnlyModelAdmin)
]


def url_of(model: type[Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def make_rows(model: type[Model], *, first: int, count: int) -> None:
    for number in range(first, first + count):
        BUILDERS[model](number)


def queries_of(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(url)
    assert response.status_code == 200
    return [query["sql"] for query in captured]


def links_to_rows(client: Client, model: type[Model]) -> set[str]:
    page = client.get(url_of(model, "changelist")).content.decode()
    return set(re.findall(rf'"({url_of(model, "changelist")}[^"?/]+/change/)', page))


def test_every_model_is_registered() -> None:
    assert set(OURS) <= set(REGISTERED)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_every_list_and_every_row_opens(model: type[Model], admin_client: Client) -> None:
    make_rows(model, first=0, count=3)
    links = links_to_rows(admin_client, model)

    assert len(links) >= 3
    assert {admin_client.get(link).status_code for link in links} == {200}


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_a_list_takes_as_many_queries_for_15_rows_as_for_5(model: type[Model], admin_client: Client) -> None:
    make_rows(model, first=0, count=5)
    few = queries_of(admin_client, url_of(model, "changelist"))

    make_rows(model, first=5, count=10)

    assert len(queries_of(admin_client, url_of(model, "changelist"))) == len(few) <= 9


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_a_list_of_many_pages_asks_only_what_an_index_serves(
    model: type[Model], admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts no whole table, looks for no distinct values and sorts nothing, whatever the address asks for."""
    monkeypatch.setattr(admin.site.get_model_admin(model), "list_per_page", 20)
    make_rows(model, first=0, count=21)
    changelist = url_of(model, "changelist")

    queries = queries_of(admin_client, changelist)
    rows = queries[-1]
    plan = plan_of(rows)

    counts = [query for query in queries if "COUNT(" in query.upper()]
    assert len(counts) == 1
    assert "LIMIT 1001" in counts[0]
    assert not [query for query in queries if "DISTINCT" in query.upper()]
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    # An incremental sort goes through few rows: those that an index gives as equal.
    assert not re.search(r"^\s*(->\s*)?Sort  \(", plan, re.MULTILINE)
    assert queries_of(admin_client, f"{changelist}?o=2.-3")[-1] == rows


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_a_table_of_the_portals_own_can_be_read_only(model: type[Model], admin_client: Client) -> None:
    make_rows(model, first=0, count=1)
    link = links_to_rows(admin_client, model).pop()

    assert admin_client.get(url_of(model, "add")).status_code == 403
    assert admin_client.post(link, {}).status_code == 403
    assert admin_client.post(link.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert model._default_manager.count() >= 1


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_every_filter_works_and_no_other_lookup_does(model: type[Model], admin_client: Client) -> None:
    make_rows(model, first=0, count=2)
    changelist = url_of(model, "changelist")
    environment()
    for list_filter in admin.site.get_model_admin(model).list_filter:
        for value in ("production", "nothing", "9" * 30):
            queries_of(admin_client, f"{changelist}?{list_filter.parameter_name}={value}")

    column = next(field.name for field in model._meta.fields if not field.is_relation)
    assert admin_client.get(f"{changelist}?{column}__contains=1").status_code == 400


def plan_of(query: str) -> str:
    """How the database would find the rows of a captured query in a table that is too large to scan."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + query)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


SEARCHED = [model for model in READ_ONLY if admin.site.get_model_admin(model).search_fields]


@pytest.mark.parametrize("model", SEARCHED, ids=lambda model: model.__name__)
def test_an_index_serves_every_search(model: type[Model], admin_client: Client) -> None:
    make_rows(model, first=0, count=3)
    queries = queries_of(admin_client, f"{url_of(model, 'changelist')}?q=7")
    count = next(query for query in queries if "LIMIT 1001" in query)

    plan = plan_of(count)
    assert "SCAN telemetry" not in plan
    assert "SCAN workbench" not in plan
    assert "Seq Scan" not in plan
    assert "INDEX" in plan.upper()


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_people_without_its_permission_do_not_see_a_table(model: type[Model], client: Client) -> None:
    client.force_login(User.objects.create_user("jo", is_staff=True))

    assert client.get(url_of(model, "changelist")).status_code == 403


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_people_who_may_view_a_table_may_not_change_it(model: type[Model], client: Client) -> None:
    make_rows(model, first=0, count=1)
    viewer = User.objects.create_user("jo", is_staff=True)
    codename = f"view_{model._meta.model_name}"
    viewer.user_permissions.add(
        Permission.objects.get(content_type__app_label=model._meta.app_label, codename=codename)
    )
    client.force_login(viewer)

    link = links_to_rows(client, model).pop()

    assert b'name="_save"' not in client.get(link).content
    assert client.post(link, {}).status_code == 403
    assert client.get(url_of(model, "add")).status_code == 403
