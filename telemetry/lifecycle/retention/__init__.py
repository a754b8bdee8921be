"""Retention: removes what its policies no longer keep, in bounded steps, and leaves every KPI as it was.

`rules` says what is due, `subjects` where it lies; `raw_events`, `rows` and `ledger` remove it; `runs` orders their
steps, and `portions` bounds the time for which they delete; `reports` counts what is gone; `preview` says all this
before it happens.
"""
