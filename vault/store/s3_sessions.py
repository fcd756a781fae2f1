"""Sessions of AWS STS that put files into one landing area of one bucket, and can do nothing else (VLT-4).

What a session may do is what its role may and what the policy that comes along says: whoever has it can change neither.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import boto3
from botocore.config import Config
from django.conf import settings

from hq.lib.errors import Invalid
from vault.store import s3_faults
from vault.store.s3_bucket import partition
from vault.store.s3_faults import StoreMisplaced
from vault.store.s3_line import line_from_settings, log

LANDING = "landing"
MOST_POLICY = 2048  # characters, AWS's own limit
LONGEST_CHAINED = 3600  # seconds: of a session that was got with a session's credentials
_ACTIONS = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


class TooManyPaths(Invalid):
    """AWS takes no policy as long as these paths make it. Get storage credentials for fewer or shorter paths."""


@dataclass(frozen=True, slots=True)
class LandingSession:
    """What signs, and until when."""

    endpoint: str
    region: str
    access_key: str
    secret: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A landing area: of the credentials with this id, for these paths below it, from these networks or anywhere."""

    bucket: str
    id: UUID
    paths: Sequence[str]
    cmk: str
    networks: Sequence[str] = ()
    seconds: int


def prefix_of(credentials_id: UUID) -> str:
    """Where its landing area begins."""
    return f"{LANDING}/{credentials_id.hex}/"


def begin_session(wanted: Wanted) -> LandingSession:
    """Ask STS for a session. Call it outside of any transaction.

    Where HQ itself has a session's credentials, as those of a role are, AWS gives an hour at most.
    Raises TooManyPaths, StoreMisplaced and the faults of the store.
    """
    if not settings.S3_ROLE_ARN:
        raise StoreMisplaced
    line = line_from_settings()
    document = json.dumps(policy(wanted, line.region), separators=(",", ":"))
    if len(document) > MOST_POLICY:
        raise TooManyPaths
    session = boto3.session.Session()
    try:
        chained = is_chained(session)
        answer = _client(session, line.region).assume_role(
            RoleArn=settings.S3_ROLE_ARN,
            RoleSessionName=f"hq-{wanted.id.hex}",
            Policy=document,
            DurationSeconds=min(wanted.seconds, LONGEST_CHAINED) if chained else wanted.seconds,
        )
        given = answer["Credentials"]
        return LandingSession(
            endpoint=line.client().meta.endpoint_url,
            region=line.region,
            access_key=given["AccessKeyId"],
            secret=given["SecretAccessKey"],
            session_token=given["SessionToken"],
            expires_at=given["Expiration"],
        )
    except s3_faults.RAISED as error:
        fault, code = s3_faults.translated(error, "assume_role")
        log.warning("STS gave no session", extra={"operation": "assume_role", "code": code})
        raise fault from None


def is_chained(session: Any) -> bool:
    """Whether what HQ itself signs with is a session's: of a role, a task, a machine."""
    own = session.get_credentials()
    return own is not None and bool(own.get_frozen_credentials().token)


def policy(wanted: Wanted, region: str) -> dict[str, Any]:
    """Putting whole files, also in parts, at the given paths below the landing area. Nothing is read or removed."""
    area = f"arn:{partition(region)}:s3:::{wanted.bucket}/{prefix_of(wanted.id)}"
    # A folder ends in a slash and everything is "": both open what lies below.
    places = [f"{area}{_literal(path)}{'' if path and not path.endswith('/') else '*'}" for path in wanted.paths]
    from_there = {"Condition": {"IpAddress": {"aws:SourceIp": list(wanted.networks)}}} if wanted.networks else {}
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": _ACTIONS,
            "Resource": places,
            **from_there,
        }
    ]
    if wanted.cmk:
        # S3 asks KMS in the sender's name: to encrypt, and to join parts.
        cn = ".cn" if region.startswith("cn-") else ""
        through = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com{cn}"}}
        keys = ["kms:GenerateDataKey", "kms:Decrypt"]
        statements.append({"Effect": "Allow", "Action": keys, "Resource": wanted.cmk, "Condition": through})
    return {"Version": "2012-10-17", "Statement": statements}


def _literal(path: str) -> str:
    """The path in a policy's own spelling: what stands for anything there stands for itself here."""
    return "".join(f"${{{sign}}}" if sign in "*?$" else sign for sign in path)


def _client(session: Any, region: str) -> Any:
    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        ignore_configured_endpoint_urls=True,
    )
    # The regional one, by name: the global one lies in another region (OPS-8).
    endpoint = settings.STS_ENDPOINT or None
    return session.client("sts", region_name=region, endpoint_url=endpoint, config=config)
