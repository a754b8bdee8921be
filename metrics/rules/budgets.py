"""The rules of the objectives: what Prometheus records of them, and the alerts on their error budgets.

A budget is the share of a window that may be bad. Formulas: The Site Reliability Workbook, chapter 5.
"""

from collections.abc import Iterable, Iterator, Sequence

from metrics.rules.maintenance import burn_maintenance
from metrics.rules.promql import Rule, number_text, selector_text, summed, window_text
from objectives.definitions import (
    BURN_WINDOWS,
    MINUTES_A_DAY,
    BurnWindow,
    IndicatorSource,
    Objective,
    burn_windows,
)

# What is computed over longer windows need not be computed as often.
FAST, SLOW, LONG = "10s", "1m", "5m"
GOOD_STATE = "objective:good:state"
# A window that a page asks for.
PAGE_MINUTES = sorted(
    {m for w in BURN_WINDOWS if w.severity == "page" for m in (w.long_minutes, w.short_minutes)}
)
TICKET_MINUTES = sorted(
    {m for w in BURN_WINDOWS if w.severity == "ticket" for m in (w.long_minutes, w.short_minutes)}
    - set(PAGE_MINUTES)
)
NO_DATA_FOR = "10m"
LONG_MINUTES = {window.long_minutes for window in BURN_WINDOWS}
# So many moments of a long window are asked for samples.
STEPS_OF_WINDOW = 60


def ratio_name(minutes: int) -> str:
    return f"objective:bad_ratio:rate{window_text(minutes)}"


def counted_name(minutes: int) -> str:
    return f"objective:counted:share{window_text(minutes)}"


def total_name(minutes: int) -> str:
    return f"objective:total:increase{window_text(minutes)}"


def budget_groups(objectives: Sequence[Objective]) -> Iterator[Rule]:
    """The groups of all objectives: what pages need, what tickets need, and the budgets that are left."""
    yield {
        "name": "objectives-fast",
        "interval": FAST,
        "rules": [
            *(rule for one in objectives for rule in state_rules(one)),
            *(rule for one in objectives for rule in window_rules(one, PAGE_MINUTES)),
            # Before the alerts that it holds back, and evaluated at the same moments.
            *burn_maintenance(severity="page"),
            *burn_alerts(objectives, severity="page"),
            *(no_data_alert(one) for one in objectives),
        ],
    }
    yield {
        "name": "objectives-slow",
        "interval": SLOW,
        "rules": [
            *(rule for one in objectives for rule in window_rules(one, TICKET_MINUTES)),
            *burn_maintenance(severity="ticket"),
            *burn_alerts(objectives, severity="ticket"),
        ],
    }
    yield {
        "name": "objectives-budgets",
        "interval": LONG,
        "rules": [rule for one in objectives for rule in budget_rules(one)],
    }


def state_rules(objective: Objective) -> Iterator[Rule]:
    """1 while the gauge of the objective is good, else 0."""
    indicator = objective.indicator
    if indicator.gauge is not None and indicator.below is not None:
        gauge = f"max without (instance, pod) ({selector_text(indicator.gauge)})"
        states = f"min by (environment) ({gauge} < bool {number_text(indicator.below)})"
        yield recording(GOOD_STATE, states, objective)


def window_rules(objective: Objective, windows: Iterable[int]) -> Iterator[Rule]:
    for minutes in windows:
        yield recording(ratio_name(minutes), bad_ratio(objective, minutes=minutes), objective)
        yield recording(total_name(minutes), total(objective, minutes=minutes), objective)
        if minutes in LONG_MINUTES:
            yield recording(counted_name(minutes), counted_share(objective, minutes=minutes), objective)


def recording(name: str, expression: str, objective: Objective) -> Rule:
    return {"record": name, "expr": expression, "labels": {"objective": objective.name}}


def bad_ratio(objective: Objective, *, minutes: int) -> str:
    """The share that was bad over the window; no sample where there was nothing."""
    window = window_text(minutes)
    indicator = objective.indicator
    if indicator.good is None or indicator.total is None:
        return f"1 - avg_over_time({state_of(objective)}[{window}])"
    good = summed(indicator.good, objective=objective, function="rate", window=window)
    every = summed(indicator.total, objective=objective, function="rate", window=window)
    # Where nothing was ever good there is no such series, which is not the same as no data.
    return f"1 - (\n  {good}\n  or 0 * {every}\n) / (\n  {every} > 0\n)"


def total(objective: Objective, *, minutes: int) -> str:
    """How much there was over the window; of a gauge, the minutes in which it had a sample."""
    window = window_text(minutes)
    if objective.indicator.total is None:
        return f"count_over_time({state_of(objective)}[{window}:1m])"
    return summed(objective.indicator.total, objective=objective, function="increase", window=window)


def counted_share(objective: Objective, *, minutes: int) -> str:
    """The share of the window in which the objective had samples: of a young portal it is small."""
    samples = objective.indicator.total or objective.indicator.gauge
    series = f"count by (environment) ({selector_text(samples)})"  # type: ignore[arg-type]  # It has one of both.
    if objective.indicator.source is IndicatorSource.PROCESS:
        series = f"count({selector_text(samples)})"  # type: ignore[arg-type]  # As above.
    step = window_text(minutes // STEPS_OF_WINDOW)
    return f"clamp_max(count_over_time(({series})[{window_text(minutes)}:{step}]) / {STEPS_OF_WINDOW}, 1)"


def state_of(objective: Objective) -> str:
    return f'{GOOD_STATE}{{objective="{objective.name}"}}'


def budget_rules(objective: Objective) -> Iterator[Rule]:
    """What the objective promises, what was bad over its window, and the share of the budget that is left."""
    minutes = objective.window_minutes
    ratio = recording("objective:bad_ratio:window", bad_ratio(objective, minutes=minutes), objective)
    yield recording("objective:target:ratio", f"vector({number_text(objective.target)})", objective)
    yield ratio
    left = f'1 - {ratio["record"]}{{objective="{objective.name}"}} / {number_text(objective.budget)}'
    yield recording("objective:budget_left:ratio", left, objective)


def burn_alerts(objectives: Iterable[Objective], *, severity: str) -> Iterator[Rule]:
    for objective in objectives:
        for window in burn_windows(objective):
            if window.severity == severity:
                yield burn_alert(objective, window=window)


def burn_alert(objective: Objective, *, window: BurnWindow) -> Rule:
    which = f'{{objective="{objective.name}"}}'
    limit = number_text(window.factor(objective) * objective.budget)
    long, short = window_text(window.long_minutes), window_text(window.short_minutes)
    ratio, counted = ratio_name(window.long_minutes), counted_name(window.long_minutes)
    conditions = (
        f"{ratio}{which} > {limit}",
        # Of a window that began a moment ago a few bad ones are a large share, and little of the budget.
        f"{ratio}{which} * {counted}{which} > {limit}",
        f"{ratio_name(window.short_minutes)}{which} > {limit}",
        f"{total_name(window.long_minutes)}{which} >= {objective.minimum}",
    )
    return {
        "alert": objective.alert_name,
        "expr": "\n  and ".join(conditions),
        "labels": {"severity": window.severity, "objective": objective.name, "window": long},
        "annotations": {
            "summary": f"{objective.title}: {window.share:.0%} of the budget is spent in {long}{PLACE}",
            "description": (
                f"{{{{ $value | humanizePercentage }}}} of the {objective.unit} of the last {long} were bad, and as "
                f"many in the last {short}. {objective.target * 100:.6g} % of {objective.unit} in "
                f"{objective.window_days} days are promised. {objective.description}"
            ),
        },
    }


# Text of a template: objectives of the portal itself have no environment.
PLACE = "{{ with $labels.environment }} in {{ . }}{{ end }}"


def no_data_alert(objective: Objective) -> Rule:
    """Fires where the samples that there were within a day are gone, and with the portal's own where none are."""
    indicator = objective.indicator
    series = selector_text(indicator.total or indicator.gauge)  # type: ignore[arg-type]  # It has one of both.
    known = f"count by (environment) (present_over_time({series}[{window_text(MINUTES_A_DAY)}]))"
    return {
        "alert": "ObjectiveNoData",
        "expr": f"{known}\n  unless count by (environment) ({series})",
        "for": NO_DATA_FOR,
        "labels": {"severity": "ticket", "objective": objective.name},
        "annotations": {
            "summary": f"{objective.title}: Prometheus has no data{PLACE}",
            "description": f"There were samples of {series.partition('{')[0]} within a day, and there are none now.",
        },
    }
