class Clock:
    """Seconds as the test sets them."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds
