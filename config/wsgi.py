"""WSGI entry point, for any WSGI server."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from web.requests import PortalHandler  # noqa: E402  (Django must be set up first)

application = PortalHandler()
