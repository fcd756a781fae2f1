"""What production refuses to start with. Each reason is one sentence; all of them are told at once."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from hq import links

# bin/run writes this before every secret that it makes up, so that such a secret is known anywhere.
DEVELOPMENT_MARK = "development-"
AWS_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
SECRET_FILES = ("HQ_SECRET_KEY_FILE", "HQ_API_KEY_PEPPER_FILE", "HQ_ROOT_KEY_FILE", "HQ_SERVICE_KEYS_FILE")


def _readable_by_others(name: str) -> bool:
    path = os.environ.get(name)
    return path is not None and bool(Path(path).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _secrets(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the deployment was given as text, by the variable that holds it."""
    yield from ((f"HQ_{name}", settings[name]) for name in ("SECRET_KEY", "API_KEY_PEPPER"))
    yield from (("HQ_SERVICE_KEYS", secret.decode()) for secret in settings["SERVICE_KEYS"].values())


def _aws(settings: dict[str, Any]) -> Iterator[str]:
    """Where keys and files go that leave for AWS."""
    if settings["KMS_ENDPOINT"] and not settings["KMS_ENDPOINT"].startswith("https://"):
        yield "HQ_KMS_ENDPOINT must begin with https://: keys come over it."
    if settings["KEY_PROVIDER"] == "kms" and not AWS_REGION.fullmatch(settings["KMS_REGION"]):
        yield "HQ_KMS_REGION is not a region of AWS; write one like eu-central-1."
    if settings["S3_ENDPOINT"] and not settings["S3_ENDPOINT"].startswith("https://"):
        yield "HQ_S3_ENDPOINT must begin with https://: files go over it."
    if settings["ARCHIVE_ENDPOINT"] and not settings["ARCHIVE_ENDPOINT"].startswith("https://"):
        yield "HQ_ARCHIVE_ENDPOINT must begin with https://: the trail goes over it."
    if settings["ARCHIVE_BUCKET"] and not AWS_REGION.fullmatch(settings["ARCHIVE_REGION"]):
        yield "HQ_ARCHIVE_REGION is not a region of AWS, and HQ_ARCHIVE_BUCKET is there; write one like eu-central-1."
    if settings["STS_ENDPOINT"] and not settings["STS_ENDPOINT"].startswith("https://"):
        yield "HQ_STS_ENDPOINT must begin with https://: credentials come over it."
    if settings["STORE"] == "s3" and not AWS_REGION.fullmatch(settings["REGION"]):
        yield "HQ_REGION is not a region of AWS, and HQ_STORE=s3 keeps files there; write one like eu-central-1."
    if settings["BACKUP_REGION"] and not AWS_REGION.fullmatch(settings["BACKUP_REGION"]):
        yield "HQ_BACKUP_REGION is not a region of AWS; write one like eu-west-1, or leave it out."


def reasons(settings: dict[str, Any]) -> list[str]:
    """Every reason not to start, each a sentence that says what to change."""
    found = []
    if settings["DEBUG"]:
        found.append("HQ_DEBUG must be off.")
    for name, secret in _secrets(settings):
        if secret.startswith(DEVELOPMENT_MARK):
            found.append(f"{name} is a development secret; make one of your own.")
        if len(secret) < 32:
            found.append(f"{name} is shorter than 32 characters.")
    found += [
        f"{name} can be read by others; set its mode to 0600." for name in SECRET_FILES if _readable_by_others(name)
    ]
    if not links.database_is_private(settings["DATABASE_URL"]) and not settings["PLAINTEXT_DATABASE"]:
        found.append(
            "HQ_DATABASE_URL is not encrypted; use sslmode=verify-full, or declare HQ_PLAINTEXT_DATABASE=true."
        )
    if not links.redis_is_private(settings["REDIS_URL"]) and not settings["PLAINTEXT_REDIS"]:
        found.append("HQ_REDIS_URL is not encrypted; use rediss://, or declare HQ_PLAINTEXT_REDIS=true.")
    found += _aws(settings)
    found += [
        f"HQ_SIGN_IN_{name.upper().replace('-', '_')}_ISSUER must begin with https://."
        for name, provider in settings["SIGN_IN_PROVIDERS"].items()
        if provider["kind"] == "openid" and not provider["issuer"].startswith("https://")
    ]
    if not settings["BASE_URL"].startswith("https://"):
        found.append("HQ_BASE_URL must begin with https://.")
    return found


def refuse_unsafe_production(settings: dict[str, Any]) -> None:
    """Raise ImproperlyConfigured with every reason, or return."""
    if found := reasons(settings):
        raise ImproperlyConfigured("HQ does not start in production:\n  " + "\n  ".join(found))
