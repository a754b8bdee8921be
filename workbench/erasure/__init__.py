"""Erasing a subject: a user, session, draft or run of one environment (docs/privacy.md says what goes).

An erasure is a row and moves from state to state in small transactions, each of which leaves the portal consistent.
So it can be killed anywhere, and goes on from where it was. The fold runs meanwhile: it removes later events of the
subject before they count (fold/erased.py), and merges are commutative, so it does not matter whether a thing that is
made again gets an event from the fold or from the erasure. Only the rollup waits, so that no KPI shows half of it.
"""
