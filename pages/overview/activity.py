"""Active users and sessions of the range, as texts."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from kpis.formatting import DASH, count_text, percent_text
from kpis.reading.activity.users import ActivityComparison, RangeActivity

# From here on users are estimated (kpis/distinct.py).
EXACT_USERS = 100


@dataclass(frozen=True, kw_only=True)
class ActivityText:
    """A number of the range, and `before` that of the previous one. `note` says what it is, or why there is none."""

    name: str
    value: str
    before: str
    note: str


def activity_texts(comparison: ActivityComparison, *, begin: datetime | None) -> list[ActivityText]:
    """Active users, then sessions. Before `begin`, when the figures of the environment begin, nobody knows of any."""
    current, previous = comparison.current, comparison.previous
    is_known = begin is not None and begin < previous.range.end
    return [
        ActivityText(
            name=_("Active users"),
            value=users_text(current.active_users),
            before=users_text(previous.active_users if is_known else None),
            note=users_note(current),
        ),
        ActivityText(
            name=_("Sessions"),
            value=number_text(current.sessions),
            before=number_text(previous.sessions if is_known else None),
            note=_("Not computed yet") if current.sessions is None else _("Those that started in the range"),
        ),
    ]


def users_text(number: int | None) -> str:
    text = number_text(number)
    return _("about %(number)s") % {"number": text} if number is not None and number > EXACT_USERS else text


def number_text(number: int | None) -> str:
    return DASH if number is None else count_text(number)


def users_note(activity: RangeActivity) -> str:
    if activity.sessions is None:
        return _("Not computed yet")
    if activity.active_users is None:
        return _("No session named its user")
    if activity.active_users > EXACT_USERS:
        within = percent_text(0.02)
        return _("Different users who started a session, estimated within %(share)s") % {"share": within}
    return _("Different users who started a session")
