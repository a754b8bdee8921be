"""The one method that the generated, typed events are written against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime


class Tracker(ABC):
    @abstractmethod
    def track(
        self,
        event: str,
        *,
        session_id: str,
        properties: Mapping[str, object] | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """Track an event and return its id; see Client.track."""
