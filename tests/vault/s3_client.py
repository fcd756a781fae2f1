"""A program that speaks S3, as its people write them: boto3 with storage credentials."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings

from hq.authz.actor import Actor
from hq.db.context import tenant
from vault import actions
from vault.actions import IssuedCredentials

ALONE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


@dataclass(frozen=True)
class S3:
    """A client, and the bucket its credentials are for."""

    client: Any
    bucket: str
    issued: IssuedCredentials

    def __call__(self, act: str, key: str | None = None, **more: Any) -> Any:
        named = {"Key": key} if key is not None else {}
        return getattr(self.client, act)(Bucket=self.bucket, **named, **more)

    def get(self, key: str) -> bytes:
        content: bytes = self("get_object", key)["Body"].read()
        return content

    def keys(self, prefix: str, **more: Any) -> list[str]:
        return [row["Key"] for row in self("list_objects_v2", Prefix=prefix, **more).get("Contents", [])]

    def refused(self, act: str, key: str | None = None, **more: Any) -> tuple[int, str]:
        """Status and code of a refusal."""
        with pytest.raises(ClientError) as error:
            self(act, key, **more)
        said: Any = error.value.response
        return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


def issue(actor: Actor, *paths: str, permission: str = "write", seconds: int = 900) -> IssuedCredentials:
    with tenant(actor.organization_id):
        return actions.issue_credentials(actor=actor, paths=paths, permission=permission, ttl_seconds=seconds)


def client_of(issued: IssuedCredentials, **changed: Any) -> S3:
    given = {
        "endpoint_url": f"{settings.BASE_URL}/s3",
        "region_name": "local",
        "aws_access_key_id": issued.row.access_key,
        "aws_secret_access_key": issued.secret,
        "aws_session_token": issued.session_token,
        "config": ALONE,
    }
    return S3(boto3.client("s3", **given | changed), issued.bucket, issued)


Connect = Callable[..., S3]
