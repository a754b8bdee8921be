"""What a source says of one alert, cut to what is kept of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

MAX_LABELS = 32
MAX_LABEL_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 2_000
# Labels with a column of their own, and how much of each is kept.
COLUMNS = {"alertname": 200, "severity": 32, "environment": 64, "kpi": 64}
MAX_SUMMARY_LENGTH = 300
MAX_URL_LENGTH = 500
# No database stores a NUL, and nobody can read the others.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class AlertReport:
    """That an alert fires since `started_at`, or fired from then until `ended_at`.

    The fingerprint is of the labels: two reports of one fingerprint and start are about the same. One that fires is
    taken for over from `expires_at` on, unless a later report says otherwise.
    """

    fingerprint: str
    labels: Mapping[str, str]
    started_at: datetime
    ended_at: datetime | None
    expires_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, object]:
        """The texts of the alert's row, cut to their length and without control characters."""
        own = {name: cut(self.labels.get(name, ""), length) for name, length in COLUMNS.items()}
        return {
            "name": own.pop("alertname"),
            **own,
            "labels": self.kept_labels(),
            "summary": cut(self.annotations.get("summary", ""), MAX_SUMMARY_LENGTH),
            "description": cut(self.annotations.get("description", ""), MAX_DESCRIPTION_LENGTH),
            "runbook_url": safe_url(self.annotations.get("runbook_url", "")),
        }

    def kept_labels(self) -> dict[str, str]:
        """The first labels by name, so that the same ones are kept each time."""
        names = sorted(self.labels)[:MAX_LABELS]
        return {cut(name, MAX_LABEL_LENGTH): cut(self.labels[name], MAX_LABEL_LENGTH) for name in names}


def cut(text: str, length: int) -> str:
    readable = CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    return readable if len(readable) <= length else f"{readable[: length - 1]}…"


def safe_url(text: str) -> str:
    """The address if a page may link to it: of a web page, or a path of this portal. Else an empty text."""
    if len(text) > MAX_URL_LENGTH or CONTROLS.search(text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_own_path = not parts.scheme and not parts.netloc and text.startswith("/") and not text.startswith("//")
    return text if is_own_path or (parts.scheme in {"http", "https"} and parts.netloc) else ""
