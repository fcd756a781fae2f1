"""Every setting of HQ. What differs between places comes from the environment, by hq.env."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from hq import env, guards, links, sign_in
from hq.schedule import SCHEDULE

ROOT = Path(__file__).resolve().parent.parent
VERSION = "0.7.0"

ENVIRONMENT = env.text("HQ_ENV", "development")
PRODUCTION = ENVIRONMENT != "development"  # anything else is treated as production: the strict side
DEBUG = env.flag("HQ_DEBUG", default=False)
DATA_DIR = env.path("HQ_DATA_DIR", ROOT / ".hq")

# A process without secrets (type checks, migrations being written) may import this module, but only in development.
_no_secret = None if PRODUCTION else guards.DEVELOPMENT_MARK + "no-secret-was-given-to-this-process"
SECRET_KEY = env.text("HQ_SECRET_KEY", _no_secret)
SECRET_KEY_FALLBACKS = env.words("HQ_SECRET_KEY_FALLBACKS")  # older keys: still verify, never sign (ACC-7)
API_KEY_PEPPER = env.text("HQ_API_KEY_PEPPER", _no_secret)
# What services of the deployment sign X-User-Token with, newest first (ACC-9). Whoever has one may act for anybody.
SERVICE_KEYS = env.named_secrets("HQ_SERVICE_KEYS")
# Whom faults are reported to, as /.well-known/security.txt tells it (RFC 9116, 2.5.3).
SECURITY_CONTACTS = env.words("HQ_SECURITY_CONTACT")
if not all(re.fullmatch(r"(mailto:|https://|tel:)[!-~]+", contact) for contact in SECURITY_CONTACTS):
    raise ImproperlyConfigured("HQ_SECURITY_CONTACT must be addresses that begin with mailto:, https:// or tel:.")
ROOT_KEY_FILE = env.path("HQ_ROOT_KEY_FILE", DATA_DIR / "keystore" / "root.key")

PORT = env.number("HQ_PORT", 8000)
BASE_URL = env.text("HQ_BASE_URL", f"http://localhost:{PORT}").rstrip("/")
_base = urlsplit(BASE_URL)
SECURE = _base.scheme == "https"
REGION = env.text("HQ_REGION", "local")
# Where new CMKs are made. AWS credentials come from boto3's own chain: a role, a profile, AWS_ variables.
KEY_PROVIDER = env.choice("HQ_KEY_PROVIDER", "embedded", "kms")
KMS_REGION = env.text("HQ_KMS_REGION", REGION)
KMS_ENDPOINT = env.text("HQ_KMS_ENDPOINT", "")
# Where new buckets are made. What AWS signs with comes from boto3's own chain here too.
STORE = env.choice("HQ_STORE", "embedded", "s3")
S3_ENDPOINT = env.text("HQ_S3_ENDPOINT", "")
# The role whose sessions put files straight into a landing area in S3 (VLT-4); empty: HQ gives none.
S3_ROLE_ARN = env.text("HQ_S3_ROLE_ARN", "")
STS_ENDPOINT = env.text("HQ_STS_ENDPOINT", "")
# The one place outside the region where copies may lie (OPS-8); empty when there is none.
BACKUP_REGION = env.text("HQ_BACKUP_REGION", "")
# Where the trail is archived: a bucket with Object Lock; empty for a folder, which cannot lock.
ARCHIVE_BUCKET = env.text("HQ_ARCHIVE_BUCKET", "")
ARCHIVE_REGION = env.text("HQ_ARCHIVE_REGION", REGION)
ARCHIVE_ENDPOINT = env.text("HQ_ARCHIVE_ENDPOINT", "")
ARCHIVE_DIR = env.path("HQ_ARCHIVE_DIR", DATA_DIR / "archive")
# Where what people publish is served, each under a name of its own below this one: never from the portal's origin.
EDGE_PORT = env.number("HQ_EDGE_PORT", PORT + 1)
EDGE_KEY_IDS = env.words("HQ_EDGE_KEY_IDS")  # <thumbprint>=<id in CloudFront>, for its key group
EDGE_URL = env.text("HQ_EDGE_URL", f"http://edge.localhost:{EDGE_PORT}").rstrip("/")
# Live updates of pages come from a process of their own; empty: pages have none. What it holds open, in all and for one
# person: more are told to come back.
LIVE_HOST = env.text("HQ_LIVE_HOST", "127.0.0.1")
LIVE_PORT = env.number("HQ_LIVE_PORT", PORT + 2)
LIVE_URL = env.text("HQ_LIVE_URL", f"http://localhost:{LIVE_PORT}").rstrip("/")
LIVE_MOST = env.number("HQ_LIVE_MOST", 10_000)
LIVE_PER_PERSON = env.number("HQ_LIVE_PER_PERSON", 6)
ALLOWED_HOSTS = env.words("HQ_ALLOWED_HOSTS") or [
    _base.hostname or "localhost",
    *([] if PRODUCTION else ["localhost", "127.0.0.1"]),
]
CSRF_TRUSTED_ORIGINS = [BASE_URL] if SECURE else []
# How many proxies in front append to X-Forwarded-For. Nothing in that header is believed beyond them.
TRUSTED_PROXIES = env.number("HQ_TRUSTED_PROXIES", 0)
# Addresses that organizations type (identity providers, their metadata) are fetched from the public internet only, and
# from these networks of the deployment's own.
OUTBOUND_NETWORKS = env.networks("HQ_OUTBOUND_NETWORKS")
# Who is asked for the records of domains, as `address` or `address:port`; without any, the name servers of the machine.
DNS_SERVERS = env.words("HQ_DNS_SERVERS")
# Who cosigns the checkpoints of every log, as `<verifier key> <address>`; and the verifier keys of the logs of others
# that this deployment is a witness of.
WITNESSES = env.words("HQ_WITNESSES")
WITNESSED_LOGS = env.words("HQ_WITNESSED_LOGS")
# Who puts a timestamp (RFC 3161) beside the seals of agreements; empty: nobody, and the seals are of level B-B.
TIMESTAMP_URL = env.text("HQ_TIMESTAMP_URL", "")

INSTALLED_APPS = [
    "hq",
    "hq.db",
    "hq.web",
    "jobs",
    "audit",
    "keys",
    "tenants",
    "directory",
    "vault",
    "webhooks",
    "workloads",
    "sharing",
    "artifacts",
    "signing",
    "evidence",
    "archive",
    "streams",
    "exports",
    "retention",
    "console",
    "overview",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.usersessions",
    "allauth.mfa",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "hq.web.middleware.Headers",
    "audit.middleware.AccessLog",
    "hq.web.health.HealthChecks",
    "hq.web.limits.EdgeLimit",
    "hq.web.middleware.BodySlots",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hq.web.middleware.SignedSessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "hq.web.middleware.SignedIn",
    "hq.web.middleware.Messages",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.middleware.SessionActivity",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.middleware.PersonPreferences",
    "hq.web.errors.RefusalPages",
    "tenants.middleware.TenantContext",
]

ROOT_URLCONF = "hq.urls"
WSGI_APPLICATION = "hq.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "overview.context_processors.frame",
            ],
            "builtins": ["hq.web.templatetags.hq"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.append("django.forms")

# Database: one alias; the role comes from the environment. Only the migrating process is hq_owner (ISO-2).
DB_ROLE = env.text("HQ_DB_ROLE", "hq_app")
DATABASE_URL = env.text("HQ_DATABASE_URL", "postgresql:///hq")
PLAINTEXT_DATABASE = env.flag("HQ_PLAINTEXT_DATABASE", default=False)
DATABASES = {"default": links.database(DATABASE_URL, role=DB_ROLE, pool=env.flag("HQ_DB_POOL", default=False))}

REDIS_URL = env.text("HQ_REDIS_URL", "unix:///nonexistent/valkey.sock?db=0")
PLAINTEXT_REDIS = env.flag("HQ_PLAINTEXT_REDIS", default=False)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "hq",
        "VERSION": 2,  # 1: pickled, until 0.3.0
        "OPTIONS": {"serializer": "hq.web.cache.Serializer"},
    }
}

CELERY_BROKER_URL = links.broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "hq"
# The job rows are the truth; losing a ring loses nothing, the next one picks the row up.
CELERY_BEAT_SCHEDULE = SCHEDULE

# People
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email",)},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "HQ: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
ACCOUNT_ADAPTER = "tenants.adapters.AccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "tenants.forms.SignUpForm"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
# Failed sign-ins are counted by account, against guessing from many addresses, and by address, against one password for
# many accounts. An office comes to work through one address.
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,60/h/ip,5/5m/key",
    "login": "30/m/ip",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "confirm_email": "1/10s/key",
    "sso_find": "60/m/ip",
    "sso": "600/m/ip",
}
SOCIALACCOUNT_ADAPTER = "directory.adapters.SocialAdapter"
SOCIALACCOUNT_FORMS = {"disconnect": "tenants.adapters.social.OwnAccounts"}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
# Who may vouch for anybody; the connections of organizations are theirs, and not here (ACC-4).
SIGN_IN_PROVIDERS = sign_in.from_environment()
WORKOS_ADDRESS = "https://api.workos.com"
USERSESSIONS_ADAPTER = "tenants.adapters.SessionsAdapter"

# Second factors and passkeys (ACC-2)
MFA_ADAPTER = "tenants.adapters.factors.FactorsAdapter"
MFA_SUPPORTED_TYPES = ["recovery_codes", "totp", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "HQ"
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off; how long a used code is refused counts with it
MFA_FORMS = {
    "activate_totp": "tenants.adapters.factors.ActivateApp",
    "add_webauthn": "tenants.adapters.factors.AddKey",
    "authenticate": "tenants.adapters.factors.EnterCode",
    "authenticate_webauthn": "tenants.adapters.factors.UseKey",
    "edit_webauthn": "tenants.adapters.factors.RenameKey",
    "login_webauthn": "tenants.adapters.factors.UsePasskey",
    "reauthenticate": "tenants.adapters.factors.ReenterCode",
    "reauthenticate_webauthn": "tenants.adapters.factors.ReuseKey",
}

# Cookies (ACC-7). The prefix makes a browser refuse the cookie from a sub-domain or over plain HTTP.
_prefix = "__Host-" if SECURE else ""
SESSION_COOKIE_NAME = f"{_prefix}hq-session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = False
CSRF_COOKIE_NAME = f"{_prefix}hq-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "hq.web.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Transport (OPS-1)
SECURE_SSL_REDIRECT = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 63_072_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
# A link's address is a capability: it goes to no other place. Not "no-referrer": a browser then sends `Origin: null`
# with our own forms too, which the CSRF check has to refuse.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Bodies. Objects are streamed by their own view and meet only this limit, in bytes.
# A request whose body trickles in holds a thread for as long; the rest of the threads stay free for everything else.
BODY_SLOTS = env.number("HQ_BODY_SLOTS", 16)
# How often one may ask, counted in Valkey for all web processes together (ISO-4): by address, by API key, by
# organization; and how often one address may come with credentials that nobody has.
LIMIT_IP = env.rate("HQ_LIMIT_IP", "30000/m")
LIMIT_KEY = env.rate("HQ_LIMIT_KEY", "3000/m")
LIMIT_ORGANIZATION = env.rate("HQ_LIMIT_ORGANIZATION", "12000/m")
LIMIT_UNKNOWN = env.rate("HQ_LIMIT_UNKNOWN", "60/m")
# How often tokens of workloads may be exchanged: from one address, and by one trust.
LIMIT_EXCHANGES_IP = env.rate("HQ_LIMIT_EXCHANGES_IP", "120/m")
LIMIT_EXCHANGES_TRUST = env.rate("HQ_LIMIT_EXCHANGES_TRUST", "600/m")
MAX_OBJECT_SIZE = env.number("HQ_MAX_OBJECT_SIZE", 5 * 1024**4)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

STATIC_URL = "/static/"
STATIC_ROOT = env.path("HQ_STATIC_DIR", DATA_DIR / "static")
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is stored by Django itself
    "staticfiles": {"BACKEND": "hq.web.bundles.BundlingStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Mail: development writes each message to a file and to the terminal; production names a server.
MAIL_URL = env.text("HQ_MAIL_URL", "" if PRODUCTION else "development:")
DEFAULT_FROM_EMAIL = env.text("HQ_MAIL_FROM", f"HQ <hq@{_base.hostname}>")
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_BACKEND = "hq.web.mail.DevelopmentBackend"
if MAIL_URL != "development:":
    _mail = urlsplit(MAIL_URL)
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or 587
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.username or "", _mail.password or ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp+starttls", _mail.scheme == "smtps"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["hq.web.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["hq.web.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "hq.web.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "HQ",
    "DESCRIPTION": "A vault and trust control plane: objects, share links, people, machines, and a checkable trail.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # the words stand in the schema
    "COMPONENT_SPLIT_PATCH": False,  # a PATCH names what it changes, and nothing of that may be left out
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/v1",
    "SERVERS": [{"url": BASE_URL}],
    "POSTPROCESSING_HOOKS": ["hq.web.openapi.describe"],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "hd_live_… or hd_test_…"},
            "shareSession": {"type": "http", "scheme": "bearer", "bearerFormat": "hqt_…"},
        }
    },
    "SECURITY": [{"apiKey": []}],
}

# Nothing secret or personal is logged: no bodies, no query strings, no addresses of links.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "hq.web.logs.LineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("HQ_LOG_LEVEL", "WARNING")},
    "loggers": {
        "hq": {"level": env.text("HQ_LOG_LEVEL", "INFO")},
        "django.request": {"level": "ERROR"},
        "botocore": {"level": "WARNING"},  # at DEBUG it writes whole answers of AWS KMS: keys in the open
        "urllib3": {"level": "INFO"},  # at DEBUG it writes paths and queries of addresses that tenants typed
    },
}

# System checks that HQ answers in its own way.
SILENCED_SYSTEM_CHECKS = ["drf_spectacular.W001"]

if PRODUCTION:
    guards.refuse_unsafe_production(globals())
