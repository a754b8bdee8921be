"""How long the rollup takes, as measured by each process that runs it.

A process keeps its figures in memory. With PROMETHEUS_MULTIPROC_DIR set, that memory is a file in that directory,
and the scrape adds up the files of all processes.
"""

from prometheus_client import Histogram

STAGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Use: with rollup_seconds.labels("fold").time(): …
rollup_seconds = Histogram(
    "portal_rollup_seconds", "How long a stage of the rollup took.", ["stage"], buckets=STAGE_BUCKETS
)
