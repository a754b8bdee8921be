"""Which policy applies to what, and which holds stand against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase

from django.conf import settings
from django.db.models import Q

from telemetry.models import RetentionHold, RetentionPolicy, RetentionSubject


class PolicyTooShort(ValueError):
    """Raw events, or what is made of them, would be removed while copies and late events may still come."""

    def __init__(self, keep_days: int) -> None:
        super().__init__(
            f"{keep_days} days are shorter than the late window of {settings.LATE_WINDOW_DAYS} days "
            "(LATE_WINDOW_DAYS). Events of that time are still accepted: a copy of a deleted one would count twice."
        )


def check_keep_days(keep_days: int) -> None:
    """Raises PolicyTooShort for less than the late window."""
    if keep_days < settings.LATE_WINDOW_DAYS:
        raise PolicyTooShort(keep_days)


def check_before(before: date, *, today: date) -> None:
    """Raises PolicyTooShort where the day `before` (its own rows are kept) lies within the late window."""
    check_keep_days((today - before).days)


def midnight(day: date) -> datetime:
    """Start of the UTC day."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True)
class KeepRule:
    """What a policy says: rows of earlier days than `cut` are due."""

    subject: str
    environment: str
    event_pattern: str
    cut: date

    def applies_to(self, subject: str, *, environment: str, event: str) -> bool:
        return (
            self.subject == subject
            and self.environment in {"", environment}
            and (not self.event_pattern or fnmatchcase(event, self.event_pattern))
        )

    def priority(self) -> tuple[bool, bool, int]:
        """The highest of several rules wins; of equals the one that keeps longer."""
        return bool(self.event_pattern), bool(self.environment), -self.cut.toordinal()


@dataclass(frozen=True, slots=True)
class HoldRule:
    """A hold in force, on the UTC days from `first` to `last`, both included."""

    environment: str
    first: date
    last: date

    def covers(self, *, environment: str, first: date, last: date) -> bool:
        """Whether it covers a day of these, both included."""
        return self.environment in {"", environment} and self.first <= last and first <= self.last


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The policies and holds in force on a day."""

    keep: Sequence[KeepRule]
    holds: Sequence[HoldRule]

    def subjects(self) -> list[str]:
        """What there are policies for, in the order in which it is pruned."""
        named = {rule.subject for rule in self.keep}
        return [subject for subject in RetentionSubject.values if subject in named]

    def cut(self, subject: str, *, environment: str, event: str = "") -> date | None:
        """Rows of earlier UTC days are due; None: all are kept."""
        rules = [rule for rule in self.keep if rule.applies_to(subject, environment=environment, event=event)]
        return max(rules, key=KeepRule.priority).cut if rules else None

    def latest_cut(self, subject: str) -> date | None:
        """No row of this day or a later one is due."""
        return max((rule.cut for rule in self.keep if rule.subject == subject), default=None)

    def is_held(self, *, environment: str, first: date, last: date) -> bool:
        """Whether a hold covers a day of these, both included."""
        return any(hold.covers(environment=environment, first=first, last=last) for hold in self.holds)

    def holds_on(self, environment: str) -> list[HoldRule]:
        return [hold for hold in self.holds if hold.environment in {"", environment}]


def read_rules(*, today: date) -> RetentionRules:
    """The rules that count back from the UTC day `today`.

    A policy shorter than the late window is refused when it is entered. Where the window became longer since, the
    window counts.
    """
    policies = RetentionPolicy.objects.filter(is_enabled=True)
    return RetentionRules(keep=[rule_of(policy, today=today) for policy in policies], holds=read_holds(today))


def rule_of(policy: RetentionPolicy, *, today: date) -> KeepRule:
    days = max(policy.keep_days, settings.LATE_WINDOW_DAYS)
    return KeepRule(
        subject=policy.subject,
        environment=policy.environment,
        event_pattern=policy.event_pattern,
        cut=date.fromordinal(max(today.toordinal() - days, 1)),
    )


def rules_for_once(*, environment: str, before: date, subjects: Iterable[str], today: date) -> RetentionRules:
    """The rules of `manage.py prune --environment --before`: in place of the policies, but not of the holds."""
    keep = [KeepRule(subject, environment, "", before) for subject in subjects]
    return RetentionRules(keep=keep, holds=read_holds(today))


def read_holds(today: date) -> list[HoldRule]:
    holds = RetentionHold.objects.filter(Q(until__isnull=True) | Q(until__gte=today))
    return [
        HoldRule(hold.environment, hold.first_day or date.min, hold.last_day or date.max) for hold in holds
    ]


def day_after(day: date) -> date:
    return day + timedelta(days=1)
