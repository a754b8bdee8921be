"""Work on several environments, of which one must not stop the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Isolated:
    """Collects what its steps raise, and raises it when all of them are done.

        with Isolated("some environments could not be folded") as isolated:
            for environment in environments:
                with isolated.step():
                    …

    Raises an ExceptionGroup of the steps' exceptions. An exception outside of a step is raised at once, as it is.
    """

    def __init__(self, message: str) -> None:
        self._message = message
        self._faults: list[Exception] = []

    def __enter__(self) -> "Isolated":
        return self

    @contextmanager
    def step(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Whatever it is, the other environments have their turn first; it is raised at the end.
            self._faults.append(error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._faults:
            raise ExceptionGroup(self._message, self._faults)
