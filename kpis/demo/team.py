"""The made-up team: who belongs to it, when they join and when they work."""

# The days over which the team comes to use the workbench; later days are like the last of them.
GROWTH_DAYS = 60
# The day, counted from 0, on which a workflow is released that fails more often than before.
RELEASE_DAY = 42
RELEASE_GROWTH = RELEASE_DAY / (GROWTH_DAYS - 1)
USERS = 26
FOUNDING_USERS = 9
# Hour of the day around which a session starts, and its standard deviation: a morning and an afternoon.
WORKING_HOURS = ((9.6, 1.3), (14.4, 1.7))


def joins_at(user: int) -> float:
    """The growth at which a user begins to use the workbench."""
    return max(0.0, (user - FOUNDING_USERS + 1) / (USERS - FOUNDING_USERS) * 0.85)
