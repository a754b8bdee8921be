"""Writes the catalogues anew: `python -m tests.languages`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from tests.languages.catalogues import write_all  # noqa: E402  (It reads the registries.)

write_all()
