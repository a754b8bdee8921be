"""Filters of the admin's lists. Each compares one column with values that are known without reading its table."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from people.access import environments_allowed, limit_of
from telemetry.models import ApiKey, Environment


class ColumnFilter(SimpleListFilter):
    """A filter by the column `parameter_name`. A value in the address that is not offered finds no rows."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        value = self.value()
        if value is None:
            return queryset
        if value not in dict(self.lookup_choices):
            return queryset.none()
        return queryset.filter(**{str(self.parameter_name): value})


class EnvironmentFilter(ColumnFilter):
    """Reads the names from the environments' own table: SELECT DISTINCT would scan the big one."""

    title = "environment"
    parameter_name = "environment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in environments_allowed(request.user, Environment.names())]


def choice_filter(
    *, field: str, choices: Iterable[tuple[str, str]], title: str = ""
) -> type[SimpleListFilter]:
    """A filter by one column whose values are known beforehand, so that no query has to look for them."""
    offered = list(choices)

    class ChoiceFilter(ColumnFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            return offered

    ChoiceFilter.title = title or field.replace("_", " ")
    return ChoiceFilter


class KeyFilter(ColumnFilter):
    title = "key"
    parameter_name = "key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        limit = limit_of(request.user)
        keys = ApiKey.objects.order_by("-pk")
        allowed = keys if limit is None else keys.filter(environment__in=limit)
        return [(str(key.pk), str(key)) for key in allowed]


def value_choices(values: Iterable[str]) -> list[tuple[str, str]]:
    """Choices that are shown as they are stored."""
    return [(str(value), str(value)) for value in values]
