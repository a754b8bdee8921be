"""The query parameters of the read API, and the errors that answer wrong ones."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from kpis.days import reporting_zone
from kpis.reading.periods import Granularity, InvalidRange, Range, parse_range
from web.errors import ApiError

# Every view takes them: the format is negotiated, the key was read by the authentication.
COMMON_PARAMETERS = ("format", "key")


def bad_parameter(message: str, *, code: str = "bad_parameter") -> ApiError:
    return ApiError(status=HTTPStatus.BAD_REQUEST, code=code, message=message)


def bad_range(error: InvalidRange) -> ApiError:
    return bad_parameter(f"{error.field}: {error}", code=error.code)


def not_found(code: str, message: str) -> ApiError:
    return ApiError(status=HTTPStatus.NOT_FOUND, code=code, message=message)


def read_parameters(request: Request, *, names: Sequence[str]) -> dict[str, str]:
    """The values of the named parameters, "" for an absent one.

    Raises ApiError 400 for any other parameter: a typing error must not be answered with a default.
    """
    for name in request.query_params:
        if name not in {*names, *COMMON_PARAMETERS}:
            raise bad_parameter(f"There is no parameter {name[:40]!r}; there are {', '.join(names)}, format.")
    return {name: request.query_params.get(name, "") for name in names}


def range_of(parameters: Mapping[str, str], *, now: datetime) -> Range:
    """The range of `from` and `to` in the reporting zone. Raises ApiError 400."""
    try:
        return parse_range(start=parameters["from"], end=parameters["to"], zone=reporting_zone(), now=now)
    except InvalidRange as error:
        raise bad_range(error) from error


def granularity_of(name: str) -> Granularity:
    """A day for "". Raises ApiError 400."""
    try:
        return Granularity(name or Granularity.DAY)
    except ValueError:
        raise bad_parameter(f"granularity: It takes {', '.join(Granularity)}.") from None


class KnownFormats(DefaultContentNegotiation):
    """Answers an unknown format as a bad parameter (400), where REST framework says "not found" (404)."""

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:
        matching = [renderer for renderer in renderers if renderer.format == format]
        if not matching:
            names = " or ".join(renderer.format or "" for renderer in renderers)
            raise bad_parameter(f"format: It takes {names}.")
        return matching
