"""Who may read through the API, and which environment: a key of scope `read`, or a signed-in session."""

from http import HTTPStatus

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from kpis.reading.environments import UnknownEnvironment, choose_environment, environments
from telemetry import keys
from telemetry.models import ApiKey, Scope
from web.errors import ApiError


class ReadKeyAuthentication(BaseAuthentication):
    """A request that brings a key is judged by the key alone, whatever session it has."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser | None, ApiKey] | None:
        if not keys.secret_of(request._request):
            return None
        return None, keys.authenticate(request._request, scope=Scope.READ, now=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="portal"'


class ReadKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "kpis.api.access.ReadKeyAuthentication"
    name = "readKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of scope `read`."}


class CanRead(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey) or bool(request.user and request.user.is_authenticated)


class ReadView(APIView):
    """A view of the read API."""

    authentication_classes = [ReadKeyAuthentication, SessionAuthentication]
    permission_classes = [CanRead]
    # What a request may ask with; every other name is refused, so that no typing error is taken for a default.
    parameter_names: tuple[str, ...] = ()

    def parameters(self, request: Request) -> dict[str, str]:
        """The query parameters by name; raises ApiError 400 for one that the view does not know."""
        for name in request.query_params:
            if name not in {*self.parameter_names, "format", "key"}:
                names = ", ".join(self.parameter_names)
                raise bad_parameter(f"There is no parameter {name[:40]!r}; there are {names}, format.")
        return {name: request.query_params.get(name, "") for name in self.parameter_names}

    def environment(self, request: Request, *, name: str) -> str:
        """The environment to read: a key's own, or the one that is asked for, or the default.

        Raises ApiError: 403 for another one than the key's, 404 for one that there is not.
        """
        if isinstance(request.auth, ApiKey):
            return own_environment(request.auth, name=name)
        try:
            return choose_environment(name, known=environments())
        except UnknownEnvironment:
            raise not_found("unknown_environment", "There is no environment of this name.") from None


def own_environment(key: ApiKey, *, name: str) -> str:
    if name not in {"", key.environment_id}:
        raise ApiError(
            status=HTTPStatus.FORBIDDEN,
            code="wrong_environment",
            message=f"This key reads the environment {key.environment_id} only.",
        )
    return key.environment_id


def bad_parameter(message: str, *, code: str = "bad_parameter") -> ApiError:
    return ApiError(status=HTTPStatus.BAD_REQUEST, code=code, message=message)


def not_found(code: str, message: str) -> ApiError:
    return ApiError(status=HTTPStatus.NOT_FOUND, code=code, message=message)
