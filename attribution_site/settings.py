"""Every setting, read from the environment here and nowhere else. `docs/operations.md` lists them."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import environ
import pghistory
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from attribution_site import embedded
from attribution_site.api.schema.configuration import SPECTACULAR_SETTINGS  # noqa: F401
from attribution_site.signing_in.addresses import trusted
from attribution_site.unfold import UNFOLD  # noqa: F401
from disputes.clock import BusinessHours
from payouts.banking import payer

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# Whoever names a database is taken to be in production unless they say otherwise: forgetting a variable
# must fail at start, never open a debug server to the world.
ENVIRONMENT = env("ENVIRONMENT", default="production" if "DATABASE_URL" in env.ENVIRON else "development")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured(f"ENVIRONMENT is {ENVIRONMENT!r}; it takes 'development' or 'production'.")
PRODUCTION = ENVIRONMENT == "production"


def required_in_production(name, development):
    if PRODUCTION and not env.ENVIRON.get(name):
        raise ImproperlyConfigured(
            f"{name} is not set. In production (ENVIRONMENT=production, or DATABASE_URL given) it must be; "
            "docs/operations.md tells what it is for. For development with your own servers set "
            "ENVIRONMENT=development."
        )
    return env.ENVIRON.get(name) or (development() if callable(development) else development)


SECRET_KEY = required_in_production("SECRET_KEY", "development-only-not-a-secret-" + "x" * 32)
DATABASE_URL = required_in_production("DATABASE_URL", embedded.database_url)
REDIS_URL = required_in_production("REDIS_URL", embedded.redis_url)
ALLOWED_HOSTS = required_in_production("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
DEBUG = env.bool("DEBUG", default=False)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "attribution_site.apps.AttributionSite",
    "attribution_site.signing_in.apps.SigningIn",
    "attribution_site.saved_filters.apps.SavedFilters",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "rest_framework",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "pgtrigger",
    "pghistory",
    "partners",
    "touchpoints",
    "conversions",
    "attribution",
    "disputes",
    "payouts",
    "reports",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "attribution_site.api.lengths.LengthRequired",
    "touchpoints.ingestion.shortcut.ToTheDoor",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "attribution_site.api.short_way.ShortWay",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "attribution_site.signing_in.gate.SecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "attribution_site.timezones.ReaderTimezone",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "attribution_site.audit.context.Audited",
    "attribution_site.api.idempotency.IdempotencyKeys",
    "attribution_site.isolation.RestrictedToPayee",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "attribution_site.urls"
WSGI_APPLICATION = "attribution_site.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {"CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60), "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = env("CELERY_QUEUE", default="attribution")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "resume lost calculation": {"task": "attribution.tasks.resume_lost_shards", "schedule": 30.0},
    "calculate late touches": {"task": "attribution.tasks.calculate_late_touches", "schedule": 30.0},
    "refresh daily credit": {"task": "attribution.tasks.refresh_daily_credit", "schedule": 60.0},
    "refresh daily touches": {"task": "conversions.tasks.refresh_daily_touches", "schedule": 60.0},
    "count recent touches again": {
        "task": "conversions.tasks.count_recent_touches_again",
        "schedule": crontab(minute="15", hour="3"),
    },
    "resume lost training": {"task": "attribution.tasks.resume_lost_trainings", "schedule": 60.0},
    "resume lost comparisons": {"task": "attribution.tasks.resume_lost_comparisons", "schedule": 60.0},
    "drop old comparisons": {
        "task": "attribution.tasks.drop_old_comparisons",
        "schedule": crontab(minute="45", hour="3"),
    },
    "drop old answers": {"task": "attribution_site.tasks.drop_old_answers", "schedule": crontab(minute="50", hour="3")},
    "drop old sign-ins": {
        "task": "attribution_site.signing_in.tasks.drop_old_sign_ins",
        "schedule": crontab(minute="55", hour="3"),
    },
    # Before the night's calculation, which then credits by it.
    "train the data-driven model": {
        "task": "attribution.tasks.train_current",
        "schedule": crontab(minute="30", hour="0", day_of_week="monday"),
    },
    "create touchpoint partitions": {
        "task": "touchpoints.tasks.create_partitions",
        "schedule": crontab(minute="5", hour="0"),
    },
    "calculate recent conversions": {
        "task": "attribution.tasks.calculate_recent",
        "schedule": crontab(minute="30", hour="1"),
    },
    "send webhooks": {"task": "partners.tasks.send_webhooks", "schedule": 10.0},
    "prune webhooks": {"task": "partners.tasks.prune_webhooks", "schedule": crontab(minute="20", hour="4")},
    "end holds of records": {"task": "payouts.tasks.end_holds", "schedule": crontab(minute="*/10")},
    "approve by rule": {"task": "payouts.tasks.approve_by_rule", "schedule": crontab(minute="5,35")},
    "book what was decided": {"task": "payouts.tasks.book", "schedule": 30.0},
    "resume lost payout runs": {"task": "payouts.tasks.resume_lost_runs", "schedule": 60.0},
    "reconcile the ledger": {"task": "payouts.tasks.reconcile", "schedule": crontab(minute="0", hour="2")},
    "remind of disputes": {"task": "disputes.tasks.remind_of_disputes", "schedule": 300.0},
    "remove orphaned evidence": {
        "task": "disputes.tasks.remove_orphaned_evidence",
        "schedule": crontab(minute="40", hour="4"),
    },
    "seal the audit log": {"task": "attribution_site.tasks.seal_audit", "schedule": 60.0},
    "verify the audit log": {
        "task": "attribution_site.tasks.verify_audit",
        "schedule": crontab(minute="0", hour="5"),
    },
    "verify a sample of records": {
        "task": "attribution.tasks.verify_sample",
        "schedule": crontab(minute="30", hour="4"),
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "attribution_site.api.access.KeyAuthentication",
        "attribution_site.api.access.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["attribution_site.api.access.ModelPermissions"],
    "DEFAULT_THROTTLE_CLASSES": ["attribution_site.api.throttles.Throttle"],
    "DEFAULT_RENDERER_CLASSES": ["attribution_site.api.wire.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["attribution_site.api.wire.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["attribution_site.api.lists.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "attribution_site.api.lists.PageNumberPagination",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "attribution_site.api.schema.auto.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "COERCE_DECIMAL_TO_STRING": False,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# What a person, a key of the house, or a payee by all its keys may ask: THROTTLES="ingest=5000/s,read=200/s" sets it.
THROTTLES = {
    "ingest": "3000/s",
    "read": "100/s",
    "write": "50/s",
    "calculate": "200/s",
    "report": "60/min",
    "work": "60/min",  # what takes a worker: batch runs, trainings, comparisons
    "upload": "60/min",  # files that are looked through before they are kept
} | env.dict("THROTTLES", default={})
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "attribution_site.api.errors.ExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "attribution_site.api.errors.ExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}

# Rows of the audit log name others by id and outlive them.
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"

# Signing in (docs/signing-in.md). Who moves money has a second factor; a first look on one's own machine goes without.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
TWO_FACTOR = env.bool("TWO_FACTOR", default=PRODUCTION)
if PRODUCTION and not TWO_FACTOR:
    raise ImproperlyConfigured("TWO_FACTOR cannot be off in production.")
OTP_TOTP_ISSUER = env("TWO_FACTOR_ISSUER", default="Attribution")
# Whose word about the client's address counts: how many proxies stand before us, or the networks that they are in.
TRUSTED_PROXIES = trusted(env("TRUSTED_PROXIES", default=""))
SESSION_ENGINE = "attribution_site.signing_in.sessions"
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=8 * 60)
SESSION_IDLE_MINUTES_MONEY = env.int("SESSION_IDLE_MINUTES_MONEY", default=30)
SESSION_LONGEST_HOURS = env.int("SESSION_LONGEST_HOURS", default=12)
if min(SESSION_IDLE_MINUTES, SESSION_IDLE_MINUTES_MONEY) < 2 or SESSION_LONGEST_HOURS < 1:
    raise ImproperlyConfigured("Sessions last 2 idle minutes or more, and an hour or more in all.")
# The row in the database says when a session ends; the cookie ends with the browser.
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = SESSION_LONGEST_HOURS * 3600
SESSION_COOKIE_HTTPONLY, SESSION_COOKIE_SAMESITE = True, "Lax"
AXES_HANDLER = "attribution_site.signing_in.lockout.Handler"
AXES_LOCKOUT_CALLABLE = "attribution_site.signing_in.lockout.answer"
AXES_CLIENT_IP_CALLABLE = "attribution_site.signing_in.addresses.address_of"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username", "ip_address"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = dt.timedelta(minutes=env.int("LOCKOUT_MINUTES", default=15))
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# As much as a body may have; REST framework's parser says so in the contract's words.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

STATIC_URL = "static/"
# In development files are served from where they lie, and nothing is collected.
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # A house that keeps evidence elsewhere names another backend here.
    "evidence": {"BACKEND": "disputes.storage.EvidenceFolder"},
}
if PRODUCTION:
    STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

# What the domain leaves to the house.
DEFAULT_CURRENCY = env("DEFAULT_CURRENCY", default="USD")
CONVERTED_WITHIN_DAYS = env.int("CONVERTED_WITHIN_DAYS", default=90)
if not 1 <= CONVERTED_WITHIN_DAYS <= 366:
    raise ImproperlyConfigured("CONVERTED_WITHIN_DAYS must be 1 to 366 days.")
# How old a touch may be that a partner or broker sends: what is late is the house's to enter.
PARTNER_TOUCH_HOURS = env.int("PARTNER_TOUCH_HOURS", default=24)
# For the monitoring that reads /metrics without a session. Without one, only people with a session read it.
METRICS_TOKEN = env("METRICS_TOKEN", default="")
# How many POSTs of touches a web process works on at a time; more are told to come back in a second. Fewer than the
# web process has threads, so that one is always free to say so.
INGEST_AT_ONCE = env.int("INGEST_AT_ONCE", default=24)
SHARD_CONVERSIONS = env.int("SHARD_CONVERSIONS", default=50_000)

# Disputes: where evidence lies and how long a file may be, what counts as time for a due date.
EVIDENCE_FOLDER = Path(required_in_production("EVIDENCE_FOLDER", str(BASE_DIR / ".local" / "evidence")))
if not EVIDENCE_FOLDER.is_absolute() or (STATIC_ROOT and EVIDENCE_FOLDER.resolve().is_relative_to(STATIC_ROOT)):
    raise ImproperlyConfigured("EVIDENCE_FOLDER must be an absolute path, and none that static files are served from.")
EVIDENCE_MAX_BYTES = env.int("EVIDENCE_MAX_BYTES", default=10 * 1024 * 1024)
if not 1 <= EVIDENCE_MAX_BYTES <= 100 * 1024 * 1024:
    raise ImproperlyConfigured("EVIDENCE_MAX_BYTES must be 1 to 104857600 (100 MiB).")
BUSINESS_TIMEZONE = env("BUSINESS_TIMEZONE", default="UTC")
BUSINESS_DAYS = env("BUSINESS_DAYS", default="mon-fri")
BUSINESS_HOURS = env("BUSINESS_HOURS", default="09:00-17:00")
HOLIDAYS = env.list("HOLIDAYS", default=[])
BusinessHours.read(BUSINESS_TIMEZONE, BUSINESS_DAYS, BUSINESS_HOURS, HOLIDAYS)  # or it does not start
DISPUTE_SLA_HOURS = env.int("DISPUTE_SLA_HOURS", default=40)
DISPUTE_ANSWER_HOURS = env.int("DISPUTE_ANSWER_HOURS", default=40)
DISPUTE_APPEAL_DAYS = env.int("DISPUTE_APPEAL_DAYS", default=30)
DISPUTE_APPEAL_LEVELS = env.int("DISPUTE_APPEAL_LEVELS", default=1)
if min(DISPUTE_SLA_HOURS, DISPUTE_ANSWER_HOURS, DISPUTE_APPEAL_DAYS) < 1:
    raise ImproperlyConfigured("DISPUTE_SLA_HOURS, DISPUTE_ANSWER_HOURS and DISPUTE_APPEAL_DAYS must be 1 or more.")
if DISPUTE_APPEAL_LEVELS < 0:
    raise ImproperlyConfigured("DISPUTE_APPEAL_LEVELS must be 0 or more.")

# Keys that secrets in the database are sealed with: the first seals, all of them open.
FIELD_ENCRYPTION_KEYS = required_in_production("FIELD_ENCRYPTION_KEYS", f"fields:{SECRET_KEY}").split(",")
if any(len(key) < 32 for key in FIELD_ENCRYPTION_KEYS):
    raise ImproperlyConfigured("Each of FIELD_ENCRYPTION_KEYS must have 32 characters or more.")
# Webhooks go by https to the open internet, until the house says otherwise.
WEBHOOK_PLAIN_HTTP = env.bool("WEBHOOK_PLAIN_HTTP", default=False)
WEBHOOK_INNER_NETWORKS = env.list("WEBHOOK_INNER_NETWORKS", default=[])
WEBHOOK_CA_FILE = env("WEBHOOK_CA_FILE", default="")
# Without EMAIL_URL (smtp+tls://user:password@host:587) no mail is sent.
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="dummymail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="attribution@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        # It warns of each oddity of a document, which others send us.
        "pypdf": {"level": "ERROR"},
        # What went well is in its tables.
        "axes": {"level": "WARNING"},
    },
}

# Who knows how long records wait before they may be approved: the calculation asks it by name.
RECORD_HOLDS = "payouts.terms.holding.Holding"

# Payouts: from which amount on two people approve one, in whatever currency.
PAYOUT_TWO_APPROVERS_FROM = Decimal(env("PAYOUT_TWO_APPROVERS_FROM", default="10000"))
if not PAYOUT_TWO_APPROVERS_FROM > 0:
    raise ImproperlyConfigured("PAYOUT_TWO_APPROVERS_FROM must be an amount above zero.")

# The house's own bank details, as files for the bank name them. Without them there are none of that kind; a development
# installation has invented ones, so that a look at the demo goes all the way.
INVENTED_PAYER = {
    "NAME": "Demo Insurance Leads",
    "IBAN": "DE89370400440532013000",
    "BIC": "",
    "ACH_ROUTING": "091000019",
    "ACH_BANK": "Demo Bank",
    "ACH_ORIGIN": "1234567890",
    "ACH_COMPANY": "1234567890",
}
PAYER = {
    f"PAYER_{name}": env(f"PAYER_{name}", default="" if PRODUCTION else invented)
    for name, invented in INVENTED_PAYER.items()
}
PAYER |= {"PAYER_ACH_DESCRIPTION": env("PAYER_ACH_DESCRIPTION", default="COMMISSION")}
payer.read(PAYER)  # or it does not start
# How long after a second person confirmed it a bank account comes into force.
BANK_COOLING_OFF_HOURS = env.int("BANK_COOLING_OFF_HOURS", default=72)
if not 0 <= BANK_COOLING_OFF_HOURS <= 90 * 24:
    raise ImproperlyConfigured("BANK_COOLING_OFF_HOURS must be 0 to 2160.")
