from config.celery import app as celery_app

__all__ = ["VERSION", "celery_app"]

# Of the portal and its clients.
VERSION = "0.1.0"
