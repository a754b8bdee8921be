"""Addresses of what a KPI counted."""

from urllib.parse import urlencode

from django.urls import reverse

from kpis.reading.periods import Period
from web.moments import rfc3339


def counted_url(slug: str, *, environment: str, period: Period, **parts: str) -> str:
    """What the KPI counted in the period; `parts` are breakdown, value and show, "" for none.

    The period is in moments, so that the address stays what it is.
    """
    query = {
        "environment": environment,
        "from": rfc3339(period.start),
        "to": rfc3339(period.end),
        **{name: value for name, value in parts.items() if value},
    }
    return f"{reverse('kpi-counted', args=[slug])}?{urlencode(query)}"
