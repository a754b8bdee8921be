"""Makes OpenTelemetry importable before the modules here import it."""

from tests import recording  # noqa: F401
