"""GET /api/kpis/<slug>/changes/: what changed of a KPI's days after they were shown (docs/changes.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.answers import period_json
from kpis.api.csv_export import REPEATED_FIELDS, CsvRenderer, file_headers
from kpis.api.parameters import KnownFormats, range_of
from kpis.api.schemas.kpis import PreviousSerializer
from kpis.api.views import ERRORS, RANGE_PARAMETERS, kpi_of, refuse_export_without_right
from kpis.changed.days import MOST_CHANGES, NotedChange, NotedFigures, changes_within
from kpis.changed.goals import GoalChange, GoalTerms, goal_changes
from web.moments import rfc3339
from workbench.models import ChangeCause


class ChangesCsvRenderer(CsvRenderer):
    @staticmethod
    def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A row for each change. Those of goals change no value and are left out."""
        repeated = {name: answer[name] for name in REPEATED_FIELDS}
        return [repeated | flat(change) for change in answer["changes"]]


def flat(change: Mapping[str, Any]) -> dict[str, Any]:
    """With a column for each figure: value_before, value_after."""
    sides = {
        f"{name}_{side}": figure for side in ("before", "after") for name, figure in change[side].items()
    }
    return {name: part for name, part in change.items() if name not in {"before", "after"}} | sides


class NotedFiguresSerializer(serializers.Serializer[Any]):
    numerator = serializers.FloatField(help_text="A count, or seconds or dollars in all")
    denominator = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True, help_text="In the KPI's unit; null: nothing had happened")


class NotedChangeSerializer(serializers.Serializer[Any]):
    date = serializers.DateField(help_text="The day that changed, in the reporting zone")
    cause = serializers.ChoiceField(ChangeCause.values)
    first_changed_at = serializers.DateTimeField()
    last_changed_at = serializers.DateTimeField()
    before = NotedFiguresSerializer()
    after = NotedFiguresSerializer()


class GoalTermsSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(allow_null=True, help_text="As it was entered")
    effective_from = serializers.DateField(allow_null=True)


class GoalChangeSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="`target` or `baseline`")
    environment = serializers.CharField(allow_null=True, help_text="null: every environment")
    before = GoalTermsSerializer(allow_null=True, help_text="null: there was none")
    after = GoalTermsSerializer(allow_null=True, help_text="null: it was deleted")


class ChangesSerializer(PreviousSerializer):
    kpi = serializers.CharField(help_text="Slug")
    title = serializers.CharField()
    unit = serializers.CharField()
    environment = serializers.CharField()
    time_zone = serializers.CharField()
    changes = NotedChangeSerializer(many=True, help_text=f"The newest day first, at most {MOST_CHANGES:,}")
    has_more = serializers.BooleanField(help_text="Whether there are more changes in the range")
    goals = GoalChangeSerializer(
        many=True, help_text="Targets and baselines that were set for days that had passed, newest first"
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` cannot be the name of a Python attribute."""
        return {**super().get_fields(), **serializers.Serializer.get_fields(self)}


class ChangesView(ReadView):
    renderer_classes = [JSONRenderer, ChangesCsvRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to")

    @extend_schema(
        operation_id="listKpiChanges",
        summary="What changed of a KPI's days after they were shown",
        description="Before, after and why, as JSON or, with `format=csv`, the changes of values as CSV.",
        tags=["KPIs"],
        parameters=RANGE_PARAMETERS,
        responses={200: ChangesSerializer, **ERRORS},
    )
    def get(self, request: Request, slug: str) -> Response:
        parameters = self.parameters(request)
        refuse_export_without_right(request)
        kpi = kpi_of(slug)
        environment = self.environment(request, name=parameters["environment"])
        asked = range_of(parameters, now=timezone.now())
        changes, has_more = changes_within(kpi, environment=environment, range=asked)
        answer = {
            "kpi": kpi.slug,
            "title": kpi.title,
            "unit": kpi.unit,
            "environment": environment,
            "time_zone": asked.zone.key,
            **period_json(asked),
            "changes": [change_document(change) for change in changes],
            "has_more": has_more,
            "goals": goal_documents(goal_changes(kpi, environment=environment, range=asked)),
        }
        headers = file_headers(request, f"{kpi.slug}-changes", environment=environment, range=asked)
        return Response(answer, headers=headers)


def change_document(change: NotedChange) -> dict[str, Any]:
    return {
        "date": change.date.isoformat(),
        "cause": change.cause.value,
        "first_changed_at": rfc3339(change.first_changed_at),
        "last_changed_at": rfc3339(change.last_changed_at),
        "before": figures_document(change.before),
        "after": figures_document(change.after),
    }


def figures_document(figures: NotedFigures) -> dict[str, Any]:
    return {"numerator": figures.numerator, "denominator": figures.denominator, "value": figures.value}


def goal_documents(changes: Sequence[GoalChange]) -> list[dict[str, Any]]:
    """Who made them is for the pages: a key may be anybody's."""
    return [
        {
            "at": rfc3339(change.at),
            "kind": change.kind,
            "environment": change.environment or None,
            "before": terms_document(change.before),
            "after": terms_document(change.after),
        }
        for change in changes
    ]


def terms_document(terms: GoalTerms | None) -> dict[str, Any] | None:
    if terms is None:
        return None
    day = terms.effective_from
    return {"value": terms.value, "effective_from": day.isoformat() if day else None}
