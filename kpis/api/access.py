"""Who may read through the API, and which environment: a key of scope `read`, or a person who is signed in."""

from http import HTTPStatus

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from kpis.api.parameters import not_found, read_parameters
from kpis.reading.environments import UnknownEnvironment, choose_environment
from people.access import environments_allowed, has_right
from people.models import Right
from telemetry import keys
from telemetry.models import ApiKey, Environment, Scope
from web.errors import ApiError


class ReadKeyAuthentication(BaseAuthentication):
    """A request with a key is judged by the key alone, even if it comes with a session."""

    scopes: tuple[str, ...] = (Scope.READ,)

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser | None, ApiKey] | None:
        if not keys.secret_of(request._request):
            return None
        key = keys.require_key(keys.secret_of(request._request))
        return None, keys.check_in_force(key, scopes=self.scopes, now=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="portal"'


class ReadKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # Its base has no types.
    target_class = "kpis.api.access.ReadKeyAuthentication"
    name = "readKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of scope `read`."}


class CanRead(BasePermission):
    """Keys, and people whose role lets them see the pages."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey) or bool(
            request.user and request.user.is_authenticated and has_right(request.user, Right.VIEW_PAGES)
        )


class ReadView(APIView):
    """A view of the read API, which takes the parameters that it names and no others."""

    authentication_classes = [ReadKeyAuthentication, SessionAuthentication]
    permission_classes = [CanRead]
    # OPTIONS is answered 405: what DRF would tell there is not a series, and the CSV renderer can't write it.
    metadata_class = None
    parameter_names: tuple[str, ...] = ()

    def parameters(self, request: Request) -> dict[str, str]:
        """The view's query parameters by name. Raises ApiError 400 for a parameter that it does not have."""
        return read_parameters(request, names=self.parameter_names)

    def environment(self, request: Request, *, name: str) -> str:
        """The key's own environment; for a person the named one, or the default for "".

        Raises ApiError: 403 where the key belongs to another environment, 404 for an unknown one.
        """
        if isinstance(request.auth, ApiKey):
            return own_environment(request.auth, name=name)
        try:
            return choose_environment(name, environments=self.environments(request))
        except UnknownEnvironment:
            raise not_found("unknown_environment", "There is no environment of this name.") from None

    def environments(self, request: Request) -> list[str]:
        """Those that the person may see. Raises ApiError 403 where some exist and none is open to the person."""
        names = Environment.names()
        allowed = environments_allowed(request.user, names)
        if names and not allowed:
            raise ApiError(
                status=HTTPStatus.FORBIDDEN,
                code="no_environment",
                message="No environment is open to you. An administrator can change that.",
            )
        return allowed


def own_environment(key: ApiKey, *, name: str) -> str:
    if name not in {"", key.environment_id}:
        raise ApiError(
            status=HTTPStatus.FORBIDDEN,
            code="wrong_environment",
            message=f"This key reads the environment {key.environment_id} only.",
        )
    return key.environment_id
