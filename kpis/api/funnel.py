"""The read API of the funnel: GET /api/funnel/ (docs/funnel.md)."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.answers import range_json
from kpis.api.csv_export import CsvRenderer, file_headers
from kpis.api.parameters import KnownFormats, bad_parameter, bad_range, range_of
from kpis.api.schemas.funnel import FunnelSerializer
from kpis.api.views import ERRORS, RANGE_PARAMETERS, refuse_export_without_right
from kpis.reading.evaluation import NO_EVENTS
from kpis.reading.funnel import FunnelComparison, FunnelReading, StepReading, compare_funnel, known_sources
from kpis.reading.periods import InvalidRange
from web.moments import rfc3339
from workbench.stopped_sessions import SessionFilter

# The values of `template`, and what they mean.
TEMPLATES = {"": None, "used": True, "not_used": False}
PREVIOUS = "previous"
FIRST_STEP = "first_step"


class FunnelCsvRenderer(CsvRenderer):
    """Writes a row for each step, with the figures of the range before where they were asked for."""

    @staticmethod
    def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        repeated = {
            name: answer[name] for name in ("environment", "time_zone", "from", "to", "source", "template")
        }
        before = answer[PREVIOUS]["steps"] if PREVIOUS in answer else [{}] * len(answer["steps"])
        return [
            repeated
            | step
            | {f"{PREVIOUS}_{name}": value for name, value in earlier.items() if name != "step"}
            for step, earlier in zip(answer["steps"], before, strict=True)
        ]


class FunnelView(ReadView):
    renderer_classes = [JSONRenderer, FunnelCsvRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "source", "template", "compare")

    @extend_schema(
        operation_id="readFunnel",
        summary="The funnel: from opening the workbench to a run that completed",
        description="Sessions by step, over those that started in the range; with `format=csv` a row for each step.",
        tags=["funnel"],
        parameters=[
            *RANGE_PARAMETERS,
            OpenApiParameter(
                "source", description="Sessions that created a draft from this source; default: all."
            ),
            OpenApiParameter(
                "template",
                enum=[name for name in TEMPLATES if name],
                description="Sessions that used a template, or did not; default: all.",
            ),
            OpenApiParameter(
                "compare", enum=[PREVIOUS], description="Also the range before, which is as long."
            ),
        ],
        responses={200: FunnelSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        refuse_export_without_right(request)
        chosen = filter_of(parameters)
        compares = compares_of(parameters["compare"])
        environment = self.environment(request, name=parameters["environment"])
        try:
            comparison = compare_funnel(
                environment=environment, range=range_of(parameters, now=timezone.now()), chosen=chosen
            )
        except InvalidRange as error:
            raise bad_range(error) from error
        headers = file_headers(request, "funnel", environment=environment, range=comparison.current.range)
        answer = funnel_json(comparison, parameters=parameters, compares=compares)
        return Response(answer, headers=headers)


def filter_of(parameters: Mapping[str, str]) -> SessionFilter:
    """Raises ApiError 400."""
    sources, source, template = known_sources(), parameters["source"], parameters["template"]
    if source and sources and source not in sources:
        raise bad_parameter(f"source: It takes {', '.join(sources)}.")
    if template not in TEMPLATES:
        raise bad_parameter(f"template: It takes {', '.join(name for name in TEMPLATES if name)}.")
    return SessionFilter(source=source, used_template=TEMPLATES[template])


def compares_of(name: str) -> bool:
    """Raises ApiError 400."""
    if name not in {"", PREVIOUS}:
        raise bad_parameter(f"compare: It takes {PREVIOUS}.")
    return name == PREVIOUS


def funnel_json(
    comparison: FunnelComparison, *, parameters: Mapping[str, str], compares: bool
) -> dict[str, Any]:
    current, previous = comparison.current, comparison.previous
    answer = {
        **range_json(current),
        "source": parameters["source"],
        "template": parameters["template"],
        "steps": steps_json(current),
    }
    if compares:
        answer[PREVIOUS] = {
            "from": rfc3339(previous.range.start),
            "to": rfc3339(previous.range.end),
            "steps": steps_json(previous),
        }
    return answer


def steps_json(reading: FunnelReading) -> list[dict[str, Any]]:
    return [step_json(step) for step in reading.steps]


def step_json(step: StepReading) -> dict[str, Any]:
    """The reason only where a figure is missing that a step could have."""
    figures = {
        "step": step.step.name.lower(),
        "sessions": step.sessions,
        "stopped": step.stopped,
        "conversion": step.conversion.value,
        "conversion_from_start": step.conversion_from_start.value,
        "median_seconds": step.median,
        "mean_seconds": step.mean,
    }
    reason = reason_of(step)
    return figures | {"reason": reason} if reason else figures


def reason_of(step: StepReading) -> str:
    """Why a figure is null; "" where all are there."""
    if step.sessions and step.before is None:
        return FIRST_STEP
    return "" if step.sessions else NO_EVENTS
