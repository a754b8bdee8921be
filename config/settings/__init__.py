"""The portal's settings, read from the environment (see .env.example and docs/settings.md).

Only this file reads the environment. Longer tables are in the modules beside it.
"""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse_lazy
from whitenoise.compress import Compressor

from config import databases, env, mail, sidebar
from config.audit.audited import AUDITED
from config.settings import apis, browsers, loggers

BASE_DIR = Path(__file__).resolve().parent.parent.parent
# The portal sets it for its processes, nobody else does: an empty database made anew would hide that the old is gone.
STORE_MUST_EXIST = "STORE_MUST_EXIST" in os.environ
DATA_DIR = env.directory("DATA_DIR", default=BASE_DIR / "var", may_create=not STORE_MUST_EXIST)
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY, SECRET_KEY_IS_NEW = env.secret("SECRET_KEY", kept_in=DATA_DIR / "secret_key")
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", default=8000, minimum=1, maximum=65535)
WEB_WORKERS = env.integer("WEB_WORKERS", default=2, minimum=1, maximum=64)
PUBLIC_URL = env.origin("PUBLIC_URL")
IS_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", *env.hosts_of(PUBLIC_URL)]
)
# Whether the first start of `manage.py portal` loads the demo environment.
DEMO = env.flag("DEMO", default=True)

# Portal ---------------------------------------------------------------------------------------------------

REPORTING_TIME_ZONE = env.zone("REPORTING_TIME_ZONE")
LATE_WINDOW_DAYS = env.integer("LATE_WINDOW_DAYS", default=30, minimum=1, maximum=3650)
ROLLUP_INTERVAL_SECONDS = env.number("ROLLUP_INTERVAL_SECONDS", default=2, minimum=0.1, maximum=3600)
COST_USD_PER_MINUTE = env.number("COST_USD_PER_MINUTE", default=0.01, minimum=0, maximum=1_000_000)
TRACKING_PLAN = Path(env.text("TRACKING_PLAN", str(BASE_DIR / "telemetry" / "tracking_plan.yaml")))
OBJECTIVES = Path(env.text("OBJECTIVES", str(BASE_DIR / "metrics" / "objectives.yaml")))
THRESHOLDS = Path(env.text("THRESHOLDS", str(BASE_DIR / "metrics" / "thresholds.yaml")))
METRICS_ENABLED = env.flag("METRICS_ENABLED", default=True)
METRICS_TOKEN = env.text("METRICS_TOKEN")
# 0: a worker shows no metrics of its own.
WORKER_METRICS_PORT = env.integer("WORKER_METRICS_PORT", default=0, minimum=0, maximum=65535)
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")

# Where the traces of workflow runs are looked at.
TRACE_URL_TEMPLATE = env.link_template("TRACE_URL_TEMPLATE", placeholder="{trace_id}")

# Mail and notices -----------------------------------------------------------------------------------------

EMAIL_URL = env.text("EMAIL_URL")
MAIL_SERVER = mail.from_url(EMAIL_URL)
EMAIL_BACKEND = MAIL_SERVER.backend
EMAIL_HOST = MAIL_SERVER.host
EMAIL_PORT = MAIL_SERVER.port
EMAIL_HOST_USER = MAIL_SERVER.user
EMAIL_HOST_PASSWORD = MAIL_SERVER.password
EMAIL_USE_TLS = MAIL_SERVER.use_tls
EMAIL_USE_SSL = MAIL_SERVER.use_ssl
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", "workbench-analytics@localhost")
NOTICE_EMAILS = env.words("NOTICE_EMAILS")
SLACK_WEBHOOK_URL = env.webhook("SLACK_WEBHOOK_URL")
NOTICE_SHARE_PERCENT = env.number("NOTICE_SHARE_PERCENT", default=5, minimum=0.1, maximum=100)
NOTICE_QUIET_DAYS = env.integer("NOTICE_QUIET_DAYS", default=7, minimum=1, maximum=31)
ALERT_EXPIRY_HOURS = env.number("ALERT_EXPIRY_HOURS", default=25, minimum=0.1, maximum=744)

# Where people may have digests posted to: hosts, with the port where it is not the usual one.
DIGEST_CHAT_HOSTS = env.words("DIGEST_CHAT_HOSTS", default=["hooks.slack.com"])

# Retries --------------------------------------------------------------------------------------------------

# A system check judges them (workbench/checks.py).
RETRY_WEBHOOK_URL = env.text("RETRY_WEBHOOK_URL")
RETRY_WEBHOOK_SECRET = env.text("RETRY_WEBHOOK_SECRET")
RETRY_WEBHOOK_OLD_SECRET = env.text("RETRY_WEBHOOK_OLD_SECRET")

# Traces ---------------------------------------------------------------------------------------------------

# OpenTelemetry's standard variables; its SDK reads those that are not here itself (docs/tracing.md).
OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
OTLP_HEADERS = env.text("OTEL_EXPORTER_OTLP_HEADERS")
OTLP_PROTOCOL = env.text("OTEL_EXPORTER_OTLP_PROTOCOL")
TRACING_ENABLED = bool(OTLP_ENDPOINT) and not env.flag("OTEL_SDK_DISABLED", default=False)
if not TRACING_ENABLED:
    # The Redis client imports OpenTelemetry where it finds it, which costs each process 70 ms and 3 MB for nothing.
    # A module that is None here counts as not installed.
    for name in ("opentelemetry.metrics", "opentelemetry.sdk.metrics"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # See above.

# Django ---------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "unfold",
    "unfold.contrib.import_export",
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
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "import_export",
    "auditlog",
    "audit",
    "people",
    "telemetry",
    "workbench",
    "kpis",
    "alerts",
    "objectives",
    "sharing",
    "pages",
    "digests",
    "metrics",
]

# The order matters: metrics time everything below them, and the peer's scheme is settled before anything asks.
MIDDLEWARE = [
    "metrics.requests.RequestMetricsMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "web.request_ids.RequestIdMiddleware",
    "audit.acting.AuditMiddleware",
    "web.middleware.ProxyHeadersMiddleware",
    "web.middleware.PageCompressionMiddleware",
    # Above all that may answer by itself: their headers are on redirects and static files too.
    "web.middleware.ContentSecurityPolicyMiddleware",
    "web.middleware.PermissionsPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "web.middleware.CacheControlMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    # Above what answers with a text.
    "web.languages.LanguageMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    # Above what reads who somebody is.
    "pages.polling.admissions.AdmittedPollsMiddleware",
    "people.second_factor.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.admin_faults.AdminFaultsMiddleware",
    "metrics.requests.ViewMetricsMiddleware",
]

if TRACING_ENABLED:
    MIDDLEWARE.insert(0, "web.tracing.server.TracingMiddleware")

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
                "django.template.context_processors.i18n",
                "telemetry.maintenance.banner",
            ],
            # Every page has texts to translate.
            "builtins": ["django.templatetags.i18n", "pages.templatetags.computable"],
        },
    },
]

DATABASES = {
    "default": databases.from_url(env.text("DATABASE_URL"), data_dir=DATA_DIR, must_exist=STORE_MUST_EXIST)
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Moments are UTC everywhere; only days are days of REPORTING_TIME_ZONE.
USE_TZ = True
TIME_ZONE = "UTC"
# What programs read is in this language, and pages for whom nothing else fits (docs/languages.md).
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
# How each language writes dates and numbers.
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

REST_FRAMEWORK = apis.REST_FRAMEWORK
SPECTACULAR_SETTINGS = apis.SPECTACULAR_SETTINGS

# Pages of these origins may post events, with the portal's client or another SDK, and nothing else.
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = browsers.CORS_URLS_REGEX
CORS_ALLOW_METHODS = ["POST"]
CORS_ALLOW_HEADERS = browsers.CORS_ALLOW_HEADERS
CORS_EXPOSE_HEADERS = ["Retry-After", "X-Request-ID"]
# Pages of these origins may show a shared chart in a frame. Nothing else of the portal can be framed.
EMBED_ALLOWED_ORIGINS = env.origins("EMBED_ALLOWED_ORIGINS")

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
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# A link to choose a new password works once, and for a day.
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
SESSION_COOKIE_AGE = env.integer("SESSION_DAYS", default=14, minimum=1, maximum=365) * 24 * 60 * 60
INVITATION_DAYS = env.integer("INVITATION_DAYS", default=7, minimum=1, maximum=90)
# The provider alone lets people in where this is false. Superusers keep their passwords.
LOCAL_SIGN_IN = env.flag("LOCAL_SIGN_IN", default=True)
REQUIRE_SECOND_FACTOR = env.choice("REQUIRE_SECOND_FACTOR", choices=("none", "staff", "all"))
SIGN_IN_LOCK_OUT_SECONDS = 5 * 60
ACCOUNT_ADAPTER = "people.adapter.PortalAccountAdapter"
# people.forms turns a mail address into the name of its account.
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
# A page that asks for a reset tells nobody whether an address has an account, and mails strangers nothing.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    # Right passwords are not counted, so that people behind one address do not lock each other out.
    "login": None,
    # Wrong passwords, and wrong codes of a second factor.
    "login_failed": f"5/{SIGN_IN_LOCK_OUT_SECONDS}s/key",
    "guesses_from_address": "10/m/ip",
    "log_lock_out": "1/m/ip",
    "reset_password": "10/m/ip,3/5m/key",
    "reset_password_from_key": "10/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "invitation": "10/m/ip",
    # A wiki page has several frames, and an office one address.
    "shared_page": "240/m/ip",
    # Each begins a session that is stored.
    "begin_passkey": "30/m/ip",
    "begin_sign_on": "30/m/ip",
}
MFA_ADAPTER = "people.second_factor.PortalMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# The portal's accounts are made by admins; their addresses are not verified by mail.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "add_webauthn": "people.passkeys.AddPasskeyForm",
    "authenticate_webauthn": "people.passkeys.SecondFactorPasskeyForm",
    "login_webauthn": "people.passkeys.SignInPasskeyForm",
    "reauthenticate_webauthn": "people.passkeys.ConfirmPasskeyForm",
    "edit_webauthn": "people.passkeys.RenamePasskeyForm",
}

# Single sign-on -------------------------------------------------------------------------------------------

# A provider that hangs holds a thread for at most this long for each thing it is asked.
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
OIDC_ISSUER = env.text("OIDC_ISSUER").rstrip("/")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
OIDC_SCOPES = env.words("OIDC_SCOPES", default=["openid", "profile", "email"])
OIDC_ROLE_CLAIM = env.text("OIDC_ROLE_CLAIM")
# The value of the claim → role.
OIDC_ROLES = env.pairs("OIDC_ROLES")
OIDC_ENVIRONMENT_CLAIM = env.text("OIDC_ENVIRONMENT_CLAIM")
OIDC_CREATE_ACCOUNTS = env.flag("OIDC_CREATE_ACCOUNTS", default=True)
OIDC_MAIL_DOMAINS = [domain.lower() for domain in env.words("OIDC_MAIL_DOMAINS")]
SOCIALACCOUNT_ADAPTER = "people.single_sign_on.provider.PortalSocialAccountAdapter"
# The provider sends people back with GET anyway, and whoever is sent there signs in as themselves.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "provider_class": "people.single_sign_on.provider.PortalOpenIDProvider",
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}

# Audit ----------------------------------------------------------------------------------------------------

AUDITLOG_LOGENTRY_MODEL = "audit.AuditEntry"
# Its migrations make the table of its own entries all the same, which nobody would use.
MIGRATION_MODULES = {"auditlog": None}
AUDITLOG_INCLUDE_TRACKING_MODELS = AUDITED
AUDITLOG_MASK_CALLABLE = "audit.hiding.hide"
AUDITLOG_CID_GETTER = "audit.acting.request_id"

# Security -------------------------------------------------------------------------------------------------

# The door's limit for a body, applied to every other address as well.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
PERMISSIONS_POLICY = browsers.PERMISSIONS_POLICY
# PUBLIC_URL alone decides on https: then plain http is sent there, and browsers keep to https for a year.
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if IS_HTTPS else 0
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_SSL_HOST = urlsplit(PUBLIC_URL).netloc if IS_HTTPS else None
# Probes, Prometheus and Alertmanager ask the portal itself, past the proxy.
SECURE_REDIRECT_EXEMPT = [
    r"^healthz$",
    r"^readyz$",
    r"^metrics$",
    r"^api/workbench/metrics$",
    r"^api/alerts/webhook/$",
]
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
# web.middleware sets it from the X-Forwarded-Proto of TRUSTED_PROXIES, and of nobody else.
SECURE_PROXY_SSL_HEADER = ("portal.trusted_scheme", "https")
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
CONTENT_SECURITY_POLICY = browsers.CONTENT_SECURITY_POLICY
ADMIN_CONTENT_SECURITY_POLICY = browsers.ADMIN_CONTENT_SECURITY_POLICY
SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains, and its list in browsers: they bind hosts that are not the portal's.
    "security.W005",
    "security.W021",
]

# Logging --------------------------------------------------------------------------------------------------

LOGGING = loggers.LOGGING

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
