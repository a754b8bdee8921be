"""How a person arranged their overview: what they pinned, and the order of it and of the sections.

Names are texts: this app knows neither KPIs nor personas. A name that is unknown by now does no harm.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from django.contrib.auth.models import User
from django.db import transaction

from people.access import Person
from people.models import OverviewArrangement


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """`pinned` and `sections` are in the person's order; empty: nothing is pinned, the sections are in theirs."""

    pinned: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()

    def with_pin(self, name: str) -> Self:
        """Pinned last; one that is pinned stays where it is."""
        return self if name in self.pinned else replace(self, pinned=(*self.pinned, name))

    def without_pin(self, name: str) -> Self:
        return replace(self, pinned=tuple(pinned for pinned in self.pinned if pinned != name))

    def with_pin_moved(self, name: str, *, by: int, shown: Collection[str]) -> Self:
        """Past others that are shown; the rest keep their places."""
        return replace(self, pinned=moved_among(self.pinned, name, by=by, shown=shown))

    def with_section_moved(self, name: str, *, by: int, among: Sequence[str], shown: Collection[str]) -> Self:
        """`among` are all sections, in their own order. It moves past others that are shown."""
        return replace(self, sections=moved_among(self.order_sections(among), name, by=by, shown=shown))

    def order_sections(self, names: Iterable[str]) -> tuple[str, ...]:
        """The sections in the person's order; those that it does not name come after, in their own."""
        known = list(names)
        ordered = [name for name in self.sections if name in known]
        return (*ordered, *(name for name in known if name not in ordered))


DEFAULT = Arrangement()


def moved(names: Sequence[str], name: str, *, by: int) -> tuple[str, ...]:
    """The names with one of them so many places later (negative: earlier), at most to an end."""
    others = [other for other in names if other != name]
    if len(others) == len(names):
        return tuple(names)
    place = max(0, min(len(others), names.index(name) + by))
    return (*others[:place], name, *others[place:])


def moved_among(names: Sequence[str], name: str, *, by: int, shown: Collection[str]) -> tuple[str, ...]:
    """As `moved`, among those that are shown. The others stay at their places."""
    turn = iter(moved([other for other in names if other in shown], name, by=by))
    return tuple(next(turn) if other in shown else other for other in names)


def arrangement_of(user: Person) -> Arrangement:
    """The default for who has arranged nothing, or is not signed in. One query."""
    row = None if user.is_anonymous else OverviewArrangement.objects.filter(user_id=user.pk).first()
    return read(row) if row else DEFAULT


def rearrange(user: User, *, change: Callable[[Arrangement], Arrangement]) -> Arrangement:
    """Changes the person's arrangement, and returns it as it is then. Two changes at once are both made."""
    with transaction.atomic():
        OverviewArrangement.objects.get_or_create(user=user)
        row = OverviewArrangement.objects.select_for_update().get(user=user)
        arrangement = change(read(row))
        row.pinned, row.sections = list(arrangement.pinned), list(arrangement.sections)
        row.save(update_fields=["pinned", "sections"])
    return arrangement


def read(row: OverviewArrangement) -> Arrangement:
    return Arrangement(pinned=tuple(row.pinned), sections=tuple(row.sections))
