"""Settings of the whole product. Everything that differs from one place to another comes from the environment.

`DATABASE_URL` and `REDIS_URL` name the servers; `python -m gap.supervisor` gives them on a machine that has none.
"""

from __future__ import annotations

from pathlib import Path

import environ
import structlog

from gap import database, national, psc, schedule
from gap.addresses import library_address
from gap.api.documentation import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from gap.headers import content_security_policy
from gap.heavy import HEAVY_SCREENS as HEAVY_SCREENS
from gap.logs import LOGGING as LOGGING
from gap.logs import configure_structlog

# A secret may be in a file instead, that NAME_FILE names: the secrets of an orchestrator, or of a vault's agent.
env = environ.FileAwareEnv()
BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = (BASE_DIR / env.str("GAP_VAR_DIR", default=".var")).resolve()

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# A demonstration speaks plain HTTP on loopback; everywhere else TLS is the rule.
SECURE = env.bool("SECURE", default=False)
PRODUCTION = env.bool("PRODUCTION", default=False)
# Proxies of ours before the web server, each adding to X-Forwarded-For: the journal writes from where somebody works.
PROXIES = env.int("PROXIES", default=0)

ROOT_URLCONF = "gap.urls"
WSGI_APPLICATION = "gap.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Called when a web process starts: the reader of card images takes a second to be ready.
WARM_UP = ["debtors.datamatrix.sandbox.warm"]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EstablishmentBackend"]

INSTALLED_APPS = [
    "worklists",
    "billing",
    "teleservices",
    "admissions",
    "debtors",
    "accounts",
    "gap.apps.GapConfig",
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "django_htmx",
    "django_filters",
    "django_tables2",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "gap.headers.guarded",
    "gap.middleware.probes",
    "gap.headers.tls_for_programs",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "gap.middleware.bounded",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.Journal",
    "accounts.locking.locked_out",
    "accounts.middleware.second_factor_first",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.locking.home_if_closed",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "gap.middleware.CalmScreens",
    "admissions.middleware.Glass",
]

# django-cotton and template-partials both want to wrap the loaders, and silently undo each other when they configure
# themselves: hence SimpleAppConfig for both, and the loaders in this order (a test renders the two).
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django_cotton.cotton_loader.Loader",
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
                "django.templatetags.static",
                "gap.templatetags.gap_format",
                "gap.templatetags.gap_ui",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gap.context.troubles",
                "accounts.context.chrome",
            ],
        },
    },
    {
        # The rows of the long tables alone (gap/tables.py).
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "tables",
        "DIRS": [BASE_DIR / "templates" / "tables"],
        "OPTIONS": {"environment": "gap.tables.environment"},
    },
]
COTTON_DIR = "cotton"

DATABASES = database.of(env)

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "gap.resting_cache.RestingRedisCache",
        "LOCATION": library_address(REDIS_URL),
        "OPTIONS": {"socket_timeout": 0.25, "socket_connect_timeout": 0.25},
    }
}
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = env.int("SESSION_COOKIE_AGE", default=8 * 3600)
# Of one person: opening one more ends the oldest.
SESSIONS_AT_ONCE = env.int("SESSIONS_AT_ONCE", default=3)
# How long a protected dossier stays open to whoever said why.
GLASS_S = env.int("GLASS_S", default=4 * 3600)
# A session where nobody acts is locked after so many seconds (0: only when asked). A PIN is enough so long after a whole
# sign-in, on the workstation where it was made (docs/adr/0018).
LOCK_AFTER_S = env.int("LOCK_AFTER_S", default=300)
QUICK_ACCESS_S = env.int("QUICK_ACCESS_S", default=12 * 3600)
# « required »: everybody proves themselves twice. « offered »: whoever has set up a telephone does.
SECOND_FACTOR = env.str("SECOND_FACTOR", default="required" if PRODUCTION else "offered")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "gap.views.csrf_failure"

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "interactive"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: after Celery's own hundred tries (45 minutes) worker and scheduler would end.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# None is kept behind a thread that is busy while another worker has nothing to do: a patient may wait for it.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A broker that is away fails a wake-up fast: rows wait in the database and the sweeper finds them.
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "retry_on_timeout": False,
    "max_retries": 0,
    # A message is a wake-up: the sweeper makes it again. Kept in Redis until its task has ended, it would cost three
    # more commands, and giving them back to a Redis that is gone is what ends a worker (docs/adr/0010).
    "ack_emulation": False,
}
SWEEP_EVERY_S = env.float("SWEEP_EVERY_S", default=5.0)
JOURNAL_EVERY_S = env.float("JOURNAL_EVERY_S", default=10.0)
EXCHANGE_EVERY_S = env.float("EXCHANGE_EVERY_S", default=10.0)
# The hours of the night are those of here.
CELERY_TIMEZONE = "Europe/Paris"
CELERY_BEAT_SCHEDULE = schedule.of(sweep_s=SWEEP_EVERY_S, journal_s=JOURNAL_EVERY_S, exchange_s=EXCHANGE_EVERY_S)
# What is due is in the database: the scheduler only wakes, and remembers nothing from one start to the next.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"

LANGUAGE_CODE = "fr"
TIME_ZONE = "Europe/Paris"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = env.bool("STATIC_FROM_SOURCE", default=True)
# Files whose name holds their hash are cached for ever by themselves; the others, a minute.
WHITENOISE_MAX_AGE = 60
# A source map is read by a developer, once: not worth a minute of compression.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    *("jpg", "jpeg", "png", "gif", "webp", "woff", "woff2", "map"),
    *("zip", "gz", "tgz", "bz2", "tbz", "xz", "br"),
)

_S3 = env.str("S3_BUCKET", default="")


def _kept(folder: str) -> dict[str, object]:
    if _S3:
        options = {"bucket_name": _S3, "location": folder, "file_overwrite": False, "default_acl": None}
        if endpoint := env.str("S3_ENDPOINT_URL", default=""):
            options["endpoint_url"] = endpoint
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    return {
        "BACKEND": "gap.storage.AtomicFileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "files" / folder, "base_url": None},
    }


def _storage(folder: str, only: tuple[str, ...] = ()) -> dict[str, object]:
    """Files of the product go through Django's storage API: a folder, or an S3-compatible bucket by a setting, and are
    encrypted there; with `only`, in these folders: the others are where another program takes and leaves files."""
    options = {"alias": folder, "inner": _kept(folder), "only": only}
    return {"BACKEND": "gap.storage.EncryptedStorage", "OPTIONS": options}


STORAGES = {
    "default": _storage("documents"),
    "cards": _storage("cards"),
    "exchange": _storage("exchange", only=("kept", "received")),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "gap.static_storage.HashedStaticStorage"
    },
}
# One file of 12 Mio at most, and the form around it.
MAX_REQUEST_BYTES = 13 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "accounts.leaked.LeakedPasswordValidator"},
    {"NAME": "accounts.context_words.ContextWordsValidator"},
]
# What `import_leaked_passwords` makes; the product has a short list of its own besides (docs/adr/0019).
LEAKED_PASSWORDS = env.str("LEAKED_PASSWORDS", default=str(VAR_DIR / "leaked-passwords.bin"))
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "worklists:home"
LOGOUT_REDIRECT_URL = "accounts:sign-in"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
X_FRAME_OPTIONS = "DENY"
# Signing in by Pro Santé Connect (docs/security-people.md): its page is the one place that a form of ours may lead to.
PSC = psc.of(env)
CONTENT_SECURITY_POLICY = content_security_policy(secure=SECURE, forms_to=PSC["hosts"])
WORKSTATION_COOKIE_NAME = "poste"
# Behind TLS the browser itself refuses such a cookie from a neighbour of the same domain, or from plain HTTP.
if SECURE:
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    WORKSTATION_COOKIE_NAME = "__Host-poste"
# HTMX takes the token from the page (`hx-headers` of base.html): no script reads the cookie.
CSRF_COOKIE_HTTPONLY = True
# A list of domains that browsers carry for ever is no place for the inner name of a hospital.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ClientTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["gap.api.throttling.ClientThrottle"],
    "DEFAULT_PAGINATION_CLASS": "gap.api.pagination.Pages",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gap.api.parsers.StrictJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "gap.api.openapi.Schema",
    "EXCEPTION_HANDLER": "gap.api.problems.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}

# Below so many bytes left where files are kept, or beyond so many seconds between our clock and the database's, people who
# keep the machine are told (gap/health.py).
DISK_FREE_MIN = env.int("DISK_FREE_MIN_MIB", default=1024) * 1024 * 1024
CLOCK_LATE_MAX_S = env.float("CLOCK_LATE_MAX_S", default=30.0)
# Seconds that people may wait for a database that answers nothing at all (gap/lookout.py).
DATABASE_SILENT_S = env.float("DATABASE_SILENT_S", default=10.0)

# Requests a minute, for each client of the API, and for each person on the screens that cost the most.
RATES_PER_MINUTE = {
    "api": env.int("API_RATE_PER_MINUTE", default=3000),
    "export": env.int("EXPORT_RATE_PER_MINUTE", default=20),
    "card": env.int("CARD_RATE_PER_MINUTE", default=120),
}

# Programs (docs/security-programs.md). The public address names us to them (RFC 8414), and stands in the links we send.
PUBLIC_URL = (env.str("PUBLIC_URL", default="") or f"http{'s' * SECURE}://{ALLOWED_HOSTS[0]}").rstrip("/")
ACCESS_TOKEN_S = env.int("ACCESS_TOKEN_S", default=600)
SECRET_DAYS = env.int("SECRET_DAYS", default=365)
SECRET_OVERLAP_H = env.int("SECRET_OVERLAP_H", default=72)
# How long a token given without OAuth 2 is taken.
FIXED_TOKEN_DAYS = env.int("FIXED_TOKEN_DAYS", default=180)
# The certificate of a program is told by the proxy that ends TLS, in this header: believed from these networks alone.
CLIENT_CERTIFICATES = {
    "proxies": env.list("CLIENT_CERTIFICATE_PROXIES", default=[]),
    "header": env.str("CLIENT_CERTIFICATE_HEADER", default="Client-Cert"),
    "authorities": env.str("CLIENT_CERTIFICATE_AUTHORITIES", default=""),
}

# Where programs may ask to be told (docs/webhooks.md): names with all that is below them, ports, private networks opened.
WEBHOOKS = {
    "hosts": env.list("WEBHOOK_HOSTS", default=[]),
    "ports": tuple(int(port) for port in env.list("WEBHOOK_PORTS", default=["443"])),
    "internal_networks": env.list("WEBHOOK_INTERNAL_NETWORKS", default=[]),
    "authorities": env.str("WEBHOOK_AUTHORITIES", default=""),
    "days": env.int("WEBHOOK_DAYS", default=3),
    "kept_days": env.int("WEBHOOK_KEPT_DAYS", default=30),
}

# Two key rings: the first key encrypts and indexes, all of them decrypt and find. Secrets of the fields and of the blind
# indexes differ.
FIELD_ENCRYPTION_KEY = env.str("FIELD_ENCRYPTION_KEY")
BLIND_INDEX_KEY = env.str("BLIND_INDEX_KEY")
# Files from before encryption are read; once `rotate_keys --check` finds none, 0 refuses what somebody put in clear.
PLAIN_FILES_READABLE = env.bool("PLAIN_FILES_READABLE", default=True)
# What closes the journal (docs/adr/0013): a ring too. Its own secret where the database's administrator may read the others.
JOURNAL_KEY = env.str("JOURNAL_KEY", default="")

# What closes a backup (docs/adr/0016): a ring; empty, FIELD_ENCRYPTION_KEY serves. Where pg_dump is, off PATH.
BACKUP_KEY = env.str("BACKUP_KEY", default="")
PG_PROGRAMS = env.str("PG_PROGRAMS", default="")

# The other side of the wire.
PKI_DIR = env.path("PKI_DIR", default=VAR_DIR / "pki")
TELESERVICES = {
    "directory_url": env.str("AMC_DIRECTORY_URL", default=""),
    "directory_certificate": env.str("DIRECTORY_CERTIFICATE", default=str(PKI_DIR("client-directory.pem"))),
    "directory_key": env.str("DIRECTORY_KEY", default=str(PKI_DIR("client-directory.key.pem"))),
    "services_certificate": env.str("SERVICES_CERTIFICATE", default=str(PKI_DIR("client-services.pem"))),
    "services_key": env.str("SERVICES_KEY", default=str(PKI_DIR("client-services.key.pem"))),
    # Where the addresses that the directory gives may lead: names with all that is below them, beside the directory's own
    # host; ports; and networks of our own that may be called all the same (none, outside a demonstration).
    "hosts": env.list("TELESERVICES_HOSTS", default=[]),
    "ports": [int(port) for port in env.list("TELESERVICES_PORTS", default=["443"])],
    "internal_networks": env.list("TELESERVICES_INTERNAL_NETWORKS", default=[]),
    "ca_file": env.str("TELESERVICES_CA", default=str(PKI_DIR("ca.pem"))),
    "timeout_connect": env.float("TELESERVICES_TIMEOUT_CONNECT", default=3.0),
    "timeout_read": env.float("TELESERVICES_TIMEOUT_READ", default=10.0),
    # How long after these a call whose worker says nothing any more is taken for one whose answer was lost.
    "claim_margin": env.float("TELESERVICES_CLAIM_MARGIN", default=15.0),
}
INSI = national.insi(env)
CDRI = national.cdri(env)
TELESERVICES |= national.certificates(env, PKI_DIR)
# To whom what needs an administrator is written (a certificate that will expire), and how mail leaves; nobody, nowhere.
ADMINS = [("", address) for address in env.list("ALERT_EMAILS", default=[])]
SERVER_EMAIL = env.str("ALERT_SENDER", default="mini-gap@localhost")
EMAIL_SUBJECT_PREFIX = "[mini-GAP] "
vars().update(env.email_url("EMAIL_URL", default="dummymail://"))
# Who scrapes /metrics/ sends it as a bearer token. Empty: there is no such address.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
SOFTWARE_NAME = "mini-GAP"
SOFTWARE_VERSION = "0.1.0"

# DEBUG, to understand a failure: what names a person is no more in the logs then (docs/security-data.md).
if level := env.str("LOG_LEVEL", default=""):
    LOGGING["root"]["level"] = level
    for name in ("gap", "accounts", "debtors", "admissions", "teleservices", "billing", "worklists"):
        LOGGING["loggers"][name]["level"] = level

configure_structlog()
DJANGO_STRUCTLOG_USER_ID_FIELD = "pk"
structlog.get_logger(__name__)
