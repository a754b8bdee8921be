"""GET and POST /api/annotations/: read what happened, and note a release from CI (docs/annotations.md)."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

import msgspec
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from audit.acting import acting_as
from kpis.annotations import MOST_CHARACTERS, BadAnnotation, Note, annotate_once, annotations_within
from kpis.api.access import ReadKeyAuthentication, ReadView
from kpis.api.parameters import KnownFormats, bad_parameter, range_of
from kpis.api.views import ERRORS, RANGE_PARAMETERS, kpi_of
from kpis.models import Annotation
from telemetry.door.body import check_content_type, json_text, read_decompressed, unreadable
from telemetry.door.throttling import check_rate
from telemetry.maintenance import refuse_if_on
from telemetry.models import ApiKey, Scope
from web.moments import rfc3339

MOST_BYTES = 16 * 1024
MOST_ID_CHARACTERS = 100


class PostedAnnotation(msgspec.Struct, forbid_unknown_fields=True):
    """`at` is now where it is left out; `id` is the client's own, for a post that may be sent twice."""

    text: str
    at: datetime | None = None
    kpi: str = ""
    id: str = ""


decoder = msgspec.json.Decoder(PostedAnnotation)
BAD_MOMENT = "at: It takes a moment with a zone, like 2026-02-15T12:00:00Z."


class AnnotateKeyAuthentication(ReadKeyAuthentication):
    scopes = (Scope.ANNOTATE,)


class AnnotateKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # Its base has no types.
    target_class = "kpis.api.annotations.AnnotateKeyAuthentication"
    name = "annotateKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of scope `annotate`."}


class AnnotationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    environment = serializers.CharField()
    kpi = serializers.CharField(allow_null=True, help_text="Slug; null: every KPI")
    at = serializers.DateTimeField()
    text = serializers.CharField()
    by = serializers.CharField(allow_null=True, help_text="A person's name, or the source of a key")


class AnnotationListSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField()
    annotations = AnnotationSerializer(many=True, help_text="The oldest first; of more than 200 the newest")


class PostedAnnotationSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=MOST_CHARACTERS)
    at = serializers.DateTimeField(required=False, help_text="Default: now")
    kpi = serializers.CharField(required=False, help_text="Slug; without it every KPI is meant")
    id = serializers.CharField(
        required=False, max_length=MOST_ID_CHARACTERS, help_text="The same id of a source is stored once"
    )


class AnnotationsView(ReadView):
    renderer_classes = [JSONRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "kpi")

    def get_authenticators(self) -> list[BaseAuthentication]:
        is_post = self.request is not None and self.request.method == "POST"
        return [AnnotateKeyAuthentication()] if is_post else super().get_authenticators()

    @extend_schema(
        operation_id="listAnnotations",
        summary="What happened in a range",
        tags=["annotations"],
        parameters=[
            *RANGE_PARAMETERS,
            OpenApiParameter(
                "kpi", description="Slug: its annotations and those of every KPI; default: all."
            ),
        ],
        responses={200: AnnotationListSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        asked = range_of(parameters, now=timezone.now())
        kpi = kpi_of(parameters["kpi"]).slug if parameters["kpi"] else ""
        found = annotations_within(environment=environment, start=asked.start, end=asked.end, kpi=kpi)
        return Response({"environment": environment, "annotations": documents_of(found)})

    @extend_schema(
        operation_id="addAnnotation",
        summary="Note a release, or what else may explain a KPI",
        description="In the key's environment. 201 where it is new, 200 where the id was posted before.",
        tags=["annotations"],
        request=PostedAnnotationSerializer,
        responses={200: AnnotationSerializer, 201: AnnotationSerializer, **ERRORS},
        examples=[
            OpenApiExample("A release", value={"text": "v2.3 deployed", "id": "v2.3"}, request_only=True)
        ],
    )
    def post(self, request: Request) -> Response:
        now = timezone.now()
        key = cast(ApiKey, request.auth)
        check_rate(key, at=time.monotonic())
        refuse_if_on(now=now)
        posted = read_annotation(request)
        note = Note(text=posted.text.strip(), at=moment_of(posted, now=now), kpi=posted.kpi)
        try:
            with acting_as(f"key {key.prefix}…"):
                annotation, is_new = annotate_once(note, key=key, client_id=posted.id, now=now)
        except BadAnnotation as error:
            raise bad_parameter(f"{error.field}: {error}", code="bad_annotation") from error
        return Response(document_of(annotation), status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)


def read_annotation(request: Request) -> PostedAnnotation:
    """Raises ApiError: 415, 413, and 400 for what is no annotation."""
    check_content_type(request._request, accepted={"application/json"}, names="application/json")
    text = json_text(read_decompressed(request._request, limit=MOST_BYTES))
    try:
        posted = decoder.decode(text)
    except msgspec.ValidationError as error:
        if "$.at" in str(error):
            raise bad_parameter(BAD_MOMENT, code="bad_annotation") from None
        raise unreadable(
            code="wrong_shape", message=f"The body must be an object of an annotation: {error}."
        ) from None
    except msgspec.DecodeError:
        raise unreadable(
            code="wrong_shape",
            message="The body must be an object with text, and optionally at, kpi and id, all of them texts.",
        ) from None
    if len(posted.id) > MOST_ID_CHARACTERS or not posted.id.isprintable():
        raise bad_parameter(
            f"id: It takes {MOST_ID_CHARACTERS} printable characters at most.", code="bad_annotation"
        )
    return posted


def moment_of(posted: PostedAnnotation, *, now: datetime) -> datetime:
    """In UTC. Raises ApiError 400 for a moment without a zone, or one that has no UTC."""
    if posted.at is None:
        return now
    try:
        if posted.at.tzinfo is not None:
            return posted.at.astimezone(UTC)
    except OverflowError:
        pass
    raise bad_parameter(BAD_MOMENT, code="bad_annotation")


def documents_of(annotations: Sequence[Annotation]) -> list[dict[str, Any]]:
    return [document_of(annotation) for annotation in annotations]


def document_of(annotation: Annotation) -> dict[str, Any]:
    by = annotation.added_by.get_username() if annotation.added_by else annotation.source
    return {
        "id": annotation.pk,
        "environment": annotation.environment,
        "kpi": annotation.kpi or None,
        "at": rfc3339(annotation.at),
        "text": annotation.text,
        "by": by or None,
    }
