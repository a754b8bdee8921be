"""An erasure as JSON: for the command, the API and people. It names nobody but who asked for it."""

from typing import Any

from telemetry.lifecycle.raw_scan import share_done
from telemetry.models import Erasure, ErasureState
from web.moments import rfc3339

SCANNING = (ErasureState.PREVIEWING, ErasureState.EVENTS, ErasureState.REST)
# How a report's tables are headed, in the order in which people read them.
HEADINGS = {
    "raw_events": "Raw events",
    "rows": "Things of the subject alone",
    "shared_with_others": "Things that others share",
    "anonymised": "Things that stay without names",
    "kept_with_others": "Things of others that stay, without the subject's ids",
    "raw_events_by_day": "Raw events by day",
}
NUMBERS = {
    "raw_events_total": "raw events",
    "quarantined_events": "rejected events",
    "buckets": "quarter hours to compute again",
    "first_day": "first day",
    "last_day": "last day",
    "holds": "holds on these days: they stop retention, not this erasure",
    "event_counts_kept_before": "event counts from before this moment stay: the raw events were pruned",
}


def report_of(erasure: Erasure) -> dict[str, Any]:
    """{"id", "environment", "kind", "mode", "later_events", "state", …, "preview", "receipt"}; moments are RFC 3339.

    The receipt is empty before the erasure is done.
    """
    is_done = erasure.state == ErasureState.DONE
    return {
        "id": erasure.pk,
        "environment": erasure.environment_id,
        "kind": erasure.kind,
        "mode": erasure.mode,
        "later_events": erasure.later_events,
        "state": erasure.state,
        "requested_by": erasure.requested_by,
        "requested_at": rfc3339(erasure.requested_at),
        "finished_at": rfc3339(erasure.finished_at) if erasure.finished_at else None,
        "preview": erasure.preview,
        "receipt": erasure.receipt if is_done else {},
    }


def progress_of(erasure: Erasure) -> dict[str, Any]:
    """What the erasure is doing, and where that reads the raw events, about how much of them is read (percent)."""
    is_scanning = erasure.state in SCANNING and erasure.position.get("stage") != "quarantine"
    percent = round(100 * share_done(erasure.position)) if is_scanning else None
    return {"state": erasure.get_state_display(), "percent": percent}


def finds_nothing(erasure: Erasure) -> bool:
    """Whether a finished preview found nothing of the subject: the id or the environment may be another one."""
    counted = ("raw_events", "rows", "shared_with_others")
    found = sum(sum(erasure.preview.get(name, {}).values()) for name in counted)
    return erasure.state == ErasureState.PREVIEWED and not found + erasure.preview.get(
        "quarantined_events", 0
    )


def tables_of(erasure: Erasure) -> dict[str, Any]:
    """The preview, or the receipt once there is one, for people: {"title", "numbers", "tables"}."""
    is_done = erasure.state == ErasureState.DONE
    report = erasure.receipt if is_done else erasure.preview
    return {
        "title": "Receipt" if is_done else "What would go",
        "numbers": [(words, report[name]) for name, words in NUMBERS.items() if name in report],
        "tables": [
            (words, sorted(report[name].items())) for name, words in HEADINGS.items() if report.get(name)
        ],
    }
