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
from whitenoise.compress import Compressor

from config import databases, env, sidebar

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.directory("DATA_DIR", default=BASE_DIR / "var")


def secret_key() -> str:
    """SECRET_KEY, or a key that is generated once and kept in DATA_DIR, readable by its owner only."""
    configured = env.text("SECRET_KEY")
    if configured:
        return configured
    path = DATA_DIR / "secret_key"
    if not path.exists():
        # Written to another file and linked: a reader never sees half a key, and of two starts the first wins.
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
# Whether the first start of `manage.py portal` loads the demo environment.
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
    # The files of Swagger UI, so that the page of the API's documentation loads nothing from elsewhere.
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "people",
    "telemetry",
    "workbench",
    "kpis",
    "pages",
    "metrics",
]

# The order matters: metrics time everything below them, and the peer's scheme is settled before anything asks.
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

# Moments are UTC everywhere; only days are days of REPORTING_TIME_ZONE.
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
# ISO dates in the admin, in place of en-gb's.
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
# Source maps are for developers; to compress those of Swagger UI costs the first start two seconds.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
UNFOLD = sidebar.UNFOLD

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "web.errors.exception_handler",
    # Keys have no user; DRF's default would be an AnonymousUser.
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Workbench analytics",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        # Of Swagger UI's themes for code, the one whose colours all have contrast on its dark ground.
        "syntaxHighlight": {"theme": "tomorrow-night"},
        # Never send the schema to swagger.io to be validated.
        "validatorUrl": None,
    },
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearerKey": {"type": "http", "scheme": "bearer"},
            "headerKey": {"type": "apiKey", "in": "header", "name": "X-Workbench-Key"},
            "queryKey": {"type": "apiKey", "in": "query", "name": "key"},
        }
    },
}

# Pages of these origins may post events, with the portal's client or another SDK, and nothing else.
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS")
# The door and the paths of the other SDKs' protocols.
CORS_URLS_REGEX = (
    r"^/(api/workbench/telemetry$|api/s/|v1/|array/"
    r"|(batch|beacon/v1/batch|capture|e|i/v0/e|i/v1/analytics/events|flags|decide|sourceConfig)/?$)"
)
CORS_ALLOW_METHODS = ["POST"]
CORS_ALLOW_HEADERS = [
    "authorization", "content-encoding", "content-type", "traceparent", "x-request-id", "x-retry-count",
    "x-workbench-key",
    # RudderStack's browser SDK.
    "anonymousid", "sentat", "rsa-recovered", "rsa-retry-attempt", "rsa-retry-reason",
    "rsa-since-first-attempt", "rsa-since-last-attempt",
    # Jitsu's.
    "x-enable-debug", "x-ip-policy", "x-write-key",
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

# The door's limit for a body, applied to every other address as well.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# web.middleware sets it from the X-Forwarded-Proto of TRUSTED_PROXIES, and of nobody else.
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
    # web.middleware makes cookies secure on https requests; HSTS and the redirect to https are the proxy's job.
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
        # Clients see their errors in the answer, and metrics count them. A line for each could fill the disk.
        "django.request": {"level": "ERROR"},
        "django.security": {"handlers": ["null"], "propagate": False},
        # These would write a line for each task, every ROLLUP_INTERVAL_SECONDS.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

# Celery ---------------------------------------------------------------------------------------------------

# Without a broker the scheduler process runs the tasks itself: the database is the queue in any case.
CELERY_TASK_ALWAYS_EAGER = not REDIS_URL
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# The socket timeouts bound how long a frozen Redis can hold a process (seconds). A message that no worker
# acknowledged is delivered again after the visibility timeout.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "socket_keepalive": True,
}
# A task whose worker is killed runs again; every task is safe to repeat.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
# Keeps the schedule in memory only: there is no file to lose, to share or to repair.
CELERY_BEAT_SCHEDULER = "config.processes.schedule:SteadyScheduler"
CELERY_TIMEZONE = "UTC"
