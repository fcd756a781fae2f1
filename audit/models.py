"""The trail. It knows organizations, environments and targets by plain ids, and outlives them."""

import re
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from hq.crypto import chain
from hq.db.classes import ACCOUNT, ALWAYS, Declared
from hq.db.fields import Purpose, SealedJSONField
from hq.db.models import Model
from hq.lib.canonical import canonical

models.BinaryField.register_lookup(Length)
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
FORMAT = 1


class AuditEvent(Model):
    """One administrative act: a link of its environment's chain.

    The hash covers everything in the clear and a commitment to the sealed detail, so the chain can be checked without
    the organization's key, and a detail cannot be changed without breaking it.
    """

    sealed_title: ClassVar = "Audit events"

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    index = models.BigIntegerField()
    at = models.DateTimeField()
    tag = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.UUIDField()
    method = models.CharField(max_length=20)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=80)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40)
    detail = SealedJSONField(purpose=Purpose.AUDIT)
    commitment = models.BinaryField()
    previous = models.BinaryField()
    hash = models.BinaryField()

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="detail",
        operational="organization_id environment_id index at tag actor_kind actor_id method target_kind target_id ip"
        " request_id commitment previous hash",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "index"], name="audit_index_once_in_a_chain"
            ),
            models.CheckConstraint(condition=Q(index__gte=1), name="audit_index_begins_at_one"),
            models.CheckConstraint(
                condition=Q(hash__length=32) & Q(previous__length=32) & Q(commitment__length=32),
                name="audit_hashes_are_sha256",
            ),
        ]
        indexes = [
            models.Index(fields=["organization_id", "environment_id", "at"], name="audit_event_at"),
            models.Index(fields=["organization_id", "environment_id", "actor_id", "index"], name="audit_event_actor"),
            models.Index(fields=["organization_id", "request_id"], name="audit_event_request"),
        ]

    def document(self) -> bytes:
        """The bytes that are hashed: RFC 8785 JSON of what stands in the clear, and the commitment in hex."""
        return canonical(
            {
                "v": FORMAT,
                "organization": str(self.organization_id),
                "environment": str(self.environment_id),
                "index": self.index,
                "at": self.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "tag": self.tag,
                "actor": {"kind": self.actor_kind, "id": str(self.actor_id), "method": self.method},
                "target": {"kind": self.target_kind, "id": self.target_id},
                "ip": self.ip,
                "request": self.request_id,
                "detail": bytes(self.commitment).hex(),
            }
        )

    def computed_hash(self) -> bytes:
        """What `hash` must be, 32 bytes."""
        return chain.link(bytes(self.previous), self.document())

    def detail_matches(self) -> bool:
        """True if the sealed detail is the one that was committed to. Raises Tampered or KeyUnavailable."""
        detail: dict[str, Any] = self.detail or {}
        salt = bytes.fromhex(str(detail.get("salt", "")))
        return chain.commitment(
            salt, canonical({key: value for key, value in detail.items() if key != "salt"})
        ) == bytes(self.commitment)

    @property
    def actor_label(self) -> str:
        return str((self.detail or {}).get("actor", ""))

    @property
    def target_label(self) -> str:
        return str((self.detail or {}).get("target", ""))


class ChainHead(Model):
    """Length and newest hash of an environment's chain. Locked by whoever adds to it."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    length = models.BigIntegerField(default=0)
    hash = models.BinaryField(default=chain.GENESIS)

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id environment_id length hash")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "environment_id"], name="audit_one_head_a_chain")
        ]


class ChainVerification(Model):
    """What a full check of a chain found, and when."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    at = models.DateTimeField()
    length = models.BigIntegerField()
    head = models.BinaryField()
    first_bad = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id at length head first_bad reason"
    )

    class Meta:
        indexes = [models.Index(fields=["organization_id", "environment_id", "at"], name="audit_verification_at")]


def _plain(route: str) -> str:
    return _PART.sub(r"{\1}", route)


class AccessEntry(Model):
    """One request: who, what, when, from where, with what outcome. Refusals too."""

    sealed_title: ClassVar = "Access log"

    organization_id = models.UUIDField()
    environment_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=20, blank=True)
    actor_id = models.UUIDField(null=True)
    method = models.CharField(max_length=20, blank=True)
    verb = models.CharField(max_length=10)
    route = models.CharField(max_length=200)
    status = models.PositiveSmallIntegerField()
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40)
    duration_ms = models.PositiveIntegerField()
    detail = SealedJSONField(purpose=Purpose.AUDIT)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="detail",
        operational="organization_id environment_id at actor_kind actor_id method verb route status ip request_id"
        " duration_ms",
    )

    @property
    def where(self) -> str:
        """The route as people read it: without what every address of a place begins with."""
        for beginning in ("o/<slug:org_slug>/<env:env_name>/", "v1/environments/<uuid:environment_id>/"):
            if self.route.startswith(beginning):
                return ("/v1/…/" if beginning.startswith("v1") else "/") + _plain(self.route.removeprefix(beginning))
        return "/" + _plain(self.route)

    class Meta:
        indexes = [
            models.Index(fields=["organization_id", "environment_id", "at"], name="audit_access_at"),
            models.Index(fields=["organization_id", "environment_id", "actor_id", "id"], name="audit_access_actor"),
            models.Index(fields=["organization_id", "request_id"], name="audit_access_request"),
        ]


class PersonEvent(Model):
    """An account's own log: signing in has no tenant yet."""

    person_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    tag = models.CharField(max_length=60)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    target_id = models.CharField(max_length=80, blank=True)

    data_classes: ClassVar = Declared(
        kept=ACCOUNT,
        in_clear={"user_agent": "An account’s own log has no organization, and so none of its keys"},
        operational="person_id at tag ip request_id target_id",
    )

    class Meta:
        indexes = [models.Index(fields=["person_id", "at"], name="audit_person_at")]
