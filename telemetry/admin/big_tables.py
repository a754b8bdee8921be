"""The habits with which the admin browses tables of any size: no full counts, no sorts, indexed searches."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

from django.contrib.admin import ShowFacets, SimpleListFilter
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from telemetry.models import Environment

COUNTED_ROWS = 1000


class AtLeast(int):
    """A number of which only the lower bound is known; people read it as `1000+`."""

    def __str__(self) -> str:
        return f"{int(self)}+"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts COUNTED_ROWS rows at most, so that a page costs the same however long the table is.

    What lies beyond is reached by narrowing the list, not by paging.
    """

    @cached_property
    def count(self) -> int:
        listed = cast("QuerySet[Model]", self.object_list)
        rows = listed.order_by().select_related(None).values("pk")[: COUNTED_ROWS + 1].count()
        return AtLeast(COUNTED_ROWS) if rows > COUNTED_ROWS else rows


class FixedOrderChangeList(ChangeList):
    """A list in its admin's own order, which an index serves; `?o=` in the address can't ask for another."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Model]) -> list[str]:
        ordering: list[str] = self._get_deterministic_ordering(list(self.model_admin.ordering))
        return ordering


class BrowsedModelAdmin(ModelAdmin):
    """A table that only the portal writes: people with the view permission read it, nobody changes it.

    `search_fields` are `<field>__exact` of fields that an index begins with; `ordering` is an index's own.
    """

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 0
    list_fullwidth = True
    actions = None
    sortable_by = ()
    ordering: tuple[str, ...] = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A row's page; it has no history, because nobody changes it."""
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), "show_history": False}
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return FixedOrderChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters that are offered: any other column may lack an index."""
        return lookup in {list_filter.parameter_name for list_filter in self.list_filter}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Rows in which a search field is exactly the term."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q()
        for lookup in self.search_fields:
            field = self.opts.get_field(lookup.removesuffix("__exact"))
            try:
                found |= Q(**{lookup: field.to_python(term)})
            except ValidationError:
                continue
        if not found:
            return queryset.none(), False
        return queryset.filter(found), False


def environment_names() -> list[str]:
    return list(Environment.objects.order_by("name").values_list("name", flat=True))


class KnownValueFilter(SimpleListFilter):
    """A filter by one column, `parameter_name`; a value of the address that is not offered finds nothing."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        value = self.value()
        if value is None:
            return queryset
        if value not in dict(self.lookup_choices):
            return queryset.none()
        return queryset.filter(**{str(self.parameter_name): value})


class EnvironmentFilter(KnownValueFilter):
    """The environments come from their own table: never SELECT DISTINCT over a big one."""

    title = "environment"
    parameter_name = "environment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in environment_names()]


def choice_filter(
    *, field: str, choices: Iterable[tuple[str, str]], title: str = ""
) -> type[SimpleListFilter]:
    """A filter by one column whose values are known beforehand, so that no query has to look for them."""
    known = list(choices)

    class ChoiceFilter(KnownValueFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            return known

    ChoiceFilter.title = title or field.replace("_", " ")
    return ChoiceFilter


def pretty_json(value: Any) -> SafeString:
    """JSON as people read it, escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="font-mono text-xs whitespace-pre-wrap break-words">{}</pre>', text)


def compact_duration(duration: timedelta) -> str:
    """A duration in its largest two units: `3 s`, `4 min 10 s`, `2 h 5 min`, `61 d 3 h`."""
    seconds = max(round(duration.total_seconds()), 0)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
