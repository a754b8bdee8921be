"""The portal's real settings, and two views to compare it with on the same server."""

from config.settings import *  # noqa: F403  Everything is as in the portal.
from config.settings import INSTALLED_APPS as PORTAL_APPS

INSTALLED_APPS = [*PORTAL_APPS, "benchmarks"]
ROOT_URLCONF = "benchmarks.urls"
