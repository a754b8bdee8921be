"""Who may see what: rights on pages, and environments everywhere.

An environment that a person may not see does not exist for them.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from people.models import EnvironmentLimit, Right

Person = User | AnonymousUser
View = Callable[..., HttpResponse]
# Where a person's limit is kept on their object: a request asks for it several times.
REMEMBERED = "_environment_limit_names"


def limit_of(user: Person) -> frozenset[str] | None:
    """The names of the only environments that the person may see; None: all. One query for each object."""
    if user.is_anonymous:
        return frozenset()
    if user.is_superuser:
        return None
    if not hasattr(user, REMEMBERED):
        names = EnvironmentLimit.objects.filter(user_id=user.pk).values_list("environments", flat=True)
        setattr(user, REMEMBERED, next((frozenset(row) for row in names), None))
    return cast("frozenset[str] | None", getattr(user, REMEMBERED))


def set_limit(*, user: User, environments: Iterable[str] | None) -> None:
    """Limit the person to these environments; None lifts the limit. Safe to repeat."""
    if environments is None:
        EnvironmentLimit.objects.filter(user=user).delete()
    else:
        EnvironmentLimit.objects.update_or_create(
            user=user, defaults={"environments": sorted(set(environments))}
        )
    user.__dict__.pop(REMEMBERED, None)


def environments_allowed(user: Person, names: Iterable[str]) -> list[str]:
    """Those of the environments that the person may see, in the given order."""
    limit = limit_of(user)
    return [name for name in names if limit is None or name in limit]


def may_see(user: Person, environment: str) -> bool:
    """Whether the person may see the environment."""
    return bool(environments_allowed(user, [environment]))


def covers(limit: frozenset[str] | None, other: Iterable[str] | None) -> bool:
    """Whether whoever has the one limit may see all that the other allows; None: all."""
    return limit is None or (other is not None and limit >= set(other))


def has_right(user: Person, right: Right) -> bool:
    return user.has_perm(right.permission)


def needs_right(right: Right) -> Callable[[View], View]:
    """Lets people with the right see a page. Strangers are sent to sign in; others are told what they lack (403)."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not has_right(request.user, right):
                context = {"is_without_role": not has_right(request.user, Right.VIEW_PAGES)}
                return render(request, "people/no_right.html", context, status=HTTPStatus.FORBIDDEN)
            return view(request, *args, **kwargs)

        return guarded

    return decorate
