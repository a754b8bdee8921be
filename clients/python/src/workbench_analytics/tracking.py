"""The one method that the generated, typed events are written against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

# The names of events that may be tracked, for a type checker: a Literal of the plan's names, or any str.
Name = TypeVar("Name", bound=str, contravariant=True)


class Tracker(ABC, Generic[Name]):
    @abstractmethod
    def track(
        self,
        event: Name,
        *,
        session_id: str,
        properties: Mapping[str, object] | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """Track an event and return its id; see Client.track."""
