"""The admin of tables of any size: it counts no whole table, sorts nothing and searches by indexes only."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.admin import ShowFacets
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from audit.models import environment_of
from people.access import limit_of, may_see

COUNTED_ROWS = 1000


class LowerBound(int):
    """A count that was broken off: the number is at least this high. It is shown as `1000+`."""

    def __str__(self) -> str:
        return f"{int(self)}+"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # Django's takes none at run time.
    """Counts COUNTED_ROWS rows at most, so that a page costs the same however long the table is.

    People reach later rows with the filters, not by paging.
    """

    @cached_property
    def count(self) -> int:
        listed = cast("QuerySet[Model]", self.object_list)
        rows = listed.order_by().select_related(None).values("pk")[: COUNTED_ROWS + 1].count()
        return LowerBound(COUNTED_ROWS) if rows > COUNTED_ROWS else rows


class FixedOrderChangeList(ChangeList):
    """A list in its admin's own order, which an index serves. `?o=` in the address is ignored."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Model]) -> list[str]:
        ordering: list[str] = self._get_deterministic_ordering(list(self.model_admin.ordering))
        return ordering


class LimitedModelAdmin(ModelAdmin):
    """Rows of other environments do not exist for a person who is limited to some."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows: QuerySet[Model] = super().get_queryset(request)
        limit, field = limit_of(request.user), environment_field(self.model)
        if limit is None or not field:
            return rows
        # Targets and baselines without an environment are of every environment.
        everywhere = [""] if self.opts.get_field(field).blank else []
        return rows.filter(**{f"{field}__in": [*everywhere, *limit]})

    def get_form(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        """The form's class, which knows whose form it is."""
        form = super().get_form(request, obj, **kwargs)
        form.person = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_within_limit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and is_within_limit(request, obj)


def is_within_limit(request: HttpRequest, row: Model | None) -> bool:
    """Whether the row is of no environment that is closed to the person; a row of every environment is of those."""
    if row is None or not environment_field(type(row)):
        return True
    return may_see(request.user, environment_of(row))


def environment_field(model: type[Model]) -> str:
    """The field that says which environment a row is of; "" where rows are of none."""
    if model._meta.model_name == "environment":
        return "name"
    return "environment" if any(field.name == "environment" for field in model._meta.fields) else ""


class ReadOnlyModelAdmin(LimitedModelAdmin):
    """A table that only the portal writes: people with the view permission read it, and nobody changes it.

    Each of `search_fields` is `<field>__exact` and has an index that begins with the field. `ordering` is the
    order of an index.
    """

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 0
    list_fullwidth = True
    actions: Sequence[str] | None = None
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
        """A row's page. It has no history, because nobody changes the row."""
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), "show_history": False}
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return FixedOrderChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the filters that are offered, and no other lookup: its column may have no index."""
        return lookup in {list_filter.parameter_name for list_filter in self.list_filter}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """The rows in which one of the search fields equals the term."""
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = Q()
        for lookup in self.search_fields:
            field = self.opts.get_field(lookup.removesuffix("__exact"))
            try:
                condition |= Q(**{lookup: field.to_python(term)})
            except ValidationError:
                continue
        if not condition:
            return queryset.none(), False
        return queryset.filter(condition), False
