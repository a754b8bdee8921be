"""The page of what comes in: posts as they arrive, with what became of their events."""
