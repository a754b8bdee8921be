"""Which log lines are written, and how: to standard error, as JSON."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "filters": {"faults": {"()": "config.logs.FaultsOnly"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        "null": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # Clients see their errors in the answer, and metrics count them. A line for each could fill the disk.
        # Posts that are refused for maintenance meet no fault either; a database that is away has a line of its own.
        "django.request": {"level": "ERROR", "filters": ["faults"]},
        "django.security": {"handlers": ["null"], "propagate": False},
        # These would write a line for each task, every ROLLUP_INTERVAL_SECONDS.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        # A worker that comes back finds a message for each rollup that it missed, and drops it.
        "celery.worker.request": {"level": "WARNING"},
        # What it says of an endpoint that takes no spans, with each batch; web.tracing says it once.
        "opentelemetry.exporter": {"level": "CRITICAL"},
        "opentelemetry.sdk._shared_internal": {"level": "CRITICAL"},
        # The web server's own lines: its handlers would write them as they are, with keys in paths and queries.
        "_granian": {"handlers": [], "level": "WARNING", "propagate": True},
        "granian.access": {"handlers": [], "level": "INFO", "propagate": True},
    },
}
