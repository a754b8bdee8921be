"""WSGI entry point, for any WSGI server."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from web.requests import PortalHandler  # noqa: E402  (Django must be set up first)
from web.tracing import start  # noqa: E402  (the same)

# Each web process imports this module itself, so none of them shares what another one made.
start.start(process="web")
application = PortalHandler()
