"""Retries: people ask for a run to be run again, and a signed webhook tells the workbench (docs/retry.md).

`requesting.request_retry` commits a RetryRequest, and `schedule.send_next` sends what is due, from a task and never
from a request. All attempts of a request have the same id, by which the receiver knows what it has seen.
"""
