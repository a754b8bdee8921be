"""The admin of API keys: their list and pages, and the forms of a new key and of a rotation."""

from telemetry.admin.keys import api_keys

__all__ = ["api_keys"]
