"""The portal's settings: one file, read from the environment (see .env.example and docs/settings.md)."""

import contextlib
import os
import secrets
import tempfile
import zoneinfo
from pathlib import Path
from typing import Any

from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from config import databases, env, sidebar

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.directory("DATA_DIR", default=BASE_DIR / "var")


def secret_key() -> str:
    """SECRET_KEY, or one that is generated once and kept in DATA_DIR (readable by its owner only)."""
    given = env.text("SECRET_KEY")
    if given:
        return given
    path = DATA_DIR / "secret_key"
    if not path.exists():
        # Written aside and linked: whoever sees the file sees all of it, and the first of two starts wins.
        with tempfile.NamedTemporaryFile("w", dir=DATA_DIR, encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()


def zone(name: str) -> str:
    value = env.text(name, "UTC")
    if value not in zoneinfo.available_timezones():
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it takes a zone of the IANA database, like Europe/Berlin."
        )
    return value


DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = secret_key()
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", default=8000, minimum=1, maximum=65535)
WEB_WORKERS = env.integer("WEB_WORKERS", default=2, minimum=1, maximum=64)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
# What `manage.py portal` does on its first start.
DEMO = env.flag("DEMO", default=True)

# Portal ---------------------------------------------------------------------------------------------------

REPORTING_TIME_ZONE = zone("REPORTING_TIME_ZONE")
LATE_WINDOW_DAYS = env.integer("LATE_WINDOW_DAYS", default=30, minimum=1, maximum=3650)
ROLLUP_INTERVAL_SECONDS = env.number("ROLLUP_INTERVAL_SECONDS", default=2, minimum=0.1, maximum=3600)
COST_USD_PER_MINUTE = env.number("COST_USD_PER_MINUTE", default=0.01, minimum=0, maximum=1_000_000)
TRACKING_PLAN = Path(env.text("TRACKING_PLAN", str(BASE_DIR / "telemetry" / "tracking_plan.yaml")))
METRICS_ENABLED = env.flag("METRICS_ENABLED", default=True)
METRICS_TOKEN = env.text("METRICS_TOKEN")
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")

# Django ---------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "csp",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "people",
    "telemetry",
    "workbench",
    "kpis",
    "pages",
    "metrics",
]

MIDDLEWARE = [
    "metrics.requests.RequestMetricsMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "web.request_ids.RequestIdMiddleware",
    "web.middleware.ProxyHeadersMiddleware",
    "web.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "web.middleware.CacheControlMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.admin_faults.AdminFaultsMiddleware",
    "metrics.requests.ViewMetricsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": databases.from_url(env.text("DATABASE_URL"), data_dir=DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
PLAIN_STATIC_FILES = "django.contrib.staticfiles.storage.StaticFilesStorage"
HASHED_STATIC_FILES = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": PLAIN_STATIC_FILES if DEBUG else HASHED_STATIC_FILES},
}
UNFOLD = sidebar.UNFOLD

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "web.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Workbench analytics",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearerKey": {"type": "http", "scheme": "bearer"},
            "headerKey": {"type": "apiKey", "in": "header", "name": "X-Workbench-Key"},
            "queryKey": {"type": "apiKey", "in": "query", "name": "key"},
        }
    },
}

# Pages of other origins may post events, with the portal's client or another SDK, and nothing else.
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = (
    r"^/(api/workbench/telemetry$|v1/|array/"
    r"|(batch|capture|e|i/v0/e|i/v1/analytics/events|flags|decide)/?$)"
)
CORS_ALLOW_METHODS = ["POST"]
CORS_ALLOW_HEADERS = [
    "authorization", "content-encoding", "content-type", "traceparent", "x-request-id", "x-retry-count",
    "x-workbench-key"
]  # fmt: skip
CORS_EXPOSE_HEADERS = ["Retry-After", "X-Request-ID"]

# People ---------------------------------------------------------------------------------------------------

REDIS_URL = env.text("REDIS_URL")
# It holds the counts of wrong passwords, which all web processes must share. Redis is shared by all machines and
# costs the database nothing. Without it files of this machine do: the database cache would make three durable
# commits of each guess, and SQLite has one writer.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        # Celery's name for a Unix socket, and the Redis client's.
        "LOCATION": REDIS_URL.replace("redis+socket://", "unix://", 1),
        "KEY_PREFIX": "portal",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if REDIS_URL
    else {
        "BACKEND": "people.shared_cache.SharedFileCache",
        "LOCATION": str(DATA_DIR / "cache"),
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
LOGIN_URL = reverse_lazy("login")
LOGIN_REDIRECT_URL = "/"
PASSWORD_HASHERS = ["people.hashing.BoundedPBKDF2Hasher"]
SIGN_IN_LOCK_OUT_SECONDS = 5 * 60
ACCOUNT_ADAPTER = "people.adapter.PortalAccountAdapter"
# people.forms turns a mail address into the name of its account.
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    # Right passwords are not counted, so that people behind one address do not lock each other out.
    "login": None,
    "login_failed": f"10/m/ip,5/{SIGN_IN_LOCK_OUT_SECONDS}s/key",
    "log_lock_out": "1/m/ip",
}

# Security -------------------------------------------------------------------------------------------------

# A body that the door would refuse is refused everywhere.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The X-Forwarded-Proto of TRUSTED_PROXIES, and of nobody else (web.middleware).
SECURE_PROXY_SSL_HEADER = ("portal.trusted_scheme", "https")
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "object-src": [csp.NONE],
        "base-uri": [csp.NONE],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
    }
}
# The admin's look (unfold) evaluates the Alpine.js expressions in its attributes: arrow functions, assignments and
# calls, which Alpine's build without eval does not read. Its colours are in a style element, and its scripts write
# style attributes. No script in the page itself runs.
ADMIN_CONTENT_SECURITY_POLICY = {
    "script-src": [csp.SELF, csp.UNSAFE_EVAL],
    "script-src-attr": [csp.NONE],
    "style-src": [csp.SELF, csp.UNSAFE_INLINE],
    "connect-src": [csp.SELF],
}
SILENCED_SYSTEM_CHECKS = [
    # Cookies are secure by request (web.middleware); HSTS and the redirect to https are the proxy's.
    "security.W004",
    "security.W008",
    "security.W012",
    "security.W016",
]

# Logging --------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        "null": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # A client's fault is in its answer and in the metrics; a line each would be a way to fill the disk.
        "django.request": {"level": "ERROR"},
        "django.security": {"handlers": ["null"], "propagate": False},
        # One line a task, every ROLLUP_INTERVAL_SECONDS.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

# Celery ---------------------------------------------------------------------------------------------------

# Without a broker the tasks run inside the one scheduler process: the database is the queue anyway.
CELERY_TASK_ALWAYS_EAGER = not REDIS_URL
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A frozen Redis must not hold a process for longer than this; a message that nobody acknowledged comes back
# after the visibility timeout.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "socket_keepalive": True,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
# The schedule starts anew with its process: there is no file to lose, to share or to repair.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_TIMEZONE = "UTC"
