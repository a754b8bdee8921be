"""Erasing and exporting subjects over HTTP, with a key of scope `admin` (docs/privacy.md). Ids stand in bodies only."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.acting import acting_as
from telemetry import keys
from telemetry.door import openapi
from telemetry.lifecycle import erasure as erasures
from telemetry.models import ApiKey, Erasure, ErasureMode, LaterEvents, Scope, SubjectKind
from web.errors import ApiError
from web.negotiation import AnyAccept
from workbench.erasure.export import download, export_of
from workbench.erasure.reports import report_of

FAULTS: dict[int, Any] = dict.fromkeys((400, 401, 403), openapi.ERROR)


class AdminKeyAuthentication(BaseAuthentication):
    """A key of scope `admin`, from a header: addresses stand in the logs of proxies."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser | None, ApiKey]:
        environ = {name: value for name, value in request.META.items() if name != "QUERY_STRING"}
        key = keys.require_key(keys.secret_in(environ))
        return None, keys.check_in_force(key, scopes=(Scope.ADMIN,), now=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="portal"'


class AdminKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # Its base has no types.
    target_class = "workbench.api.AdminKeyAuthentication"
    name = "adminKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of scope `admin`."}


class HasAdminKey(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey)


class SubjectSerializer(serializers.Serializer[dict[str, str]]):
    """Which subject, in the environment of the key."""

    kind = serializers.ChoiceField(choices=SubjectKind.choices)
    subject = serializers.CharField(max_length=128, help_text="The raw id. A user's is hashed at once.")


class ErasureSerializer(SubjectSerializer):
    mode = serializers.ChoiceField(choices=ErasureMode.choices, default=ErasureMode.REMOVE)
    later_events = serializers.ChoiceField(choices=LaterEvents.choices, default=LaterEvents.REFUSE)
    dry_run = serializers.BooleanField(default=False)


class AdminView(APIView):
    authentication_classes = [AdminKeyAuthentication]
    permission_classes = [HasAdminKey]
    parser_classes = [JSONParser]
    content_negotiation_class = AnyAccept
    metadata_class = None


class ErasuresView(AdminView):
    @extend_schema(
        operation_id="eraseSubject",
        summary="Erase a subject",
        description="Begins an erasure, or with `dry_run` only counts what would go.",
        tags=["privacy"],
        request=ErasureSerializer,
        responses={202: OpenApiTypes.OBJECT, **FAULTS},
    )
    def post(self, request: Request) -> Response:
        wanted = checked(ErasureSerializer(data=request.data))
        with acting_as(actor_of(request)):
            erasure = requested(request, wanted)
            if not wanted["dry_run"]:
                erasures.skip_preview(erasure)
                erasures.confirm(erasure)
        return Response(report_of(erasure), status=HTTPStatus.ACCEPTED)


class ErasureView(AdminView):
    @extend_schema(
        operation_id="readErasure",
        summary="How far an erasure is, and its receipt",
        tags=["privacy"],
        responses={200: OpenApiTypes.OBJECT, 404: openapi.ERROR, **FAULTS},
    )
    def get(self, request: Request, pk: int) -> Response:
        # An id beyond the column is no id.
        erasure = Erasure.objects.filter(pk=pk, environment=key_of(request).environment_id).first()
        if erasure is None:
            message = "The environment of this key has no such erasure."
            raise ApiError(status=HTTPStatus.NOT_FOUND, code="unknown_erasure", message=message)
        return Response(report_of(erasure))


class SubjectExportView(AdminView):
    @extend_schema(
        operation_id="exportSubject",
        summary="Everything that the portal holds of a subject",
        tags=["privacy"],
        request=SubjectSerializer,
        responses={200: OpenApiTypes.OBJECT, **FAULTS},
    )
    def post(self, request: Request) -> HttpResponseBase:
        with acting_as(actor_of(request)):
            erasure = requested(request, checked(SubjectSerializer(data=request.data)))
            pieces = export_of(erasure, now=timezone.now())
            erasures.discard(erasure)
        return download(pieces, name="subject")


def checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    """The body's values. Raises ApiError (400) without repeating any of them."""
    if not serializer.is_valid():
        message = f"These are missing or have values that cannot be: {', '.join(serializer.errors)}."
        raise bad_subject(message)
    return dict(serializer.validated_data)


def requested(request: Request, wanted: dict[str, Any]) -> Erasure:
    key = key_of(request)
    parts = {name: wanted[name] for name in ("mode", "later_events") if name in wanted}
    try:
        return erasures.request_erasure(
            erasures.ErasureRequest(
                environment=key.environment_id, kind=wanted["kind"], subject=wanted["subject"], **parts
            ),
            requested_by=actor_of(request),
            now=timezone.now(),
        )
    except erasures.BadSubject as error:
        raise bad_subject(str(error)) from error


def actor_of(request: Request) -> str:
    """Who acts, as the audit and the erasure name it."""
    return f"key {key_of(request).prefix}…"


def key_of(request: Request) -> ApiKey:
    key = request.auth
    if not isinstance(key, ApiKey):
        raise TypeError("an admin view was reached without a key")
    return key


def bad_subject(message: str) -> ApiError:
    return ApiError(status=HTTPStatus.BAD_REQUEST, code="bad_subject", message=message)
