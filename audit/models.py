"""The trail. It knows organizations, environments and targets by plain ids, and outlives them."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Length

from audit.documents import NO_SALT, access_document, admin_document
from audit.tags import Log
from audit.watch_models import Change, ToldChange  # noqa: F401 - Django finds an app's models here
from hq.crypto import chain
from hq.db.classes import ACCOUNT, ALWAYS, DEPLOYMENT, Declared
from hq.db.fields import Purpose, SealedJSONField
from hq.db.models import Model
from hq.db.sealing import KeyGone
from hq.lib.canonical import canonical

models.BinaryField.register_lookup(Length)
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_AT = "%Y-%m-%dT%H:%M:%S.%fZ"
LOGS = [(log, log) for log in Log]


def _committed(detail: dict[str, Any]) -> bytes:
    """The commitment to a detail that holds its own salt. Raises ValueError."""
    salt = bytes.fromhex(str(detail.get("salt", "")))
    return chain.commitment(salt, canonical({key: value for key, value in detail.items() if key != "salt"}))


class AuditEvent(Model):
    """One administrative act: a link of its environment's chain.

    The hash covers everything in the clear and a commitment to the sealed detail, so the chain can be checked without
    the organization's key, and a detail cannot be changed without breaking it. Each month's partition holds an index
    once (audit.months); that no two months do is the head's, which whoever adds has locked.
    """

    sealed_title: ClassVar = "Audit events"
    shredded = False  # True: its key was destroyed, and marks stand for its names (audit.selectors.altered)

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
        # That a hash has 32 bytes is a rule of these columns' domain (migration 0009).
        constraints = [models.CheckConstraint(condition=Q(index__gte=1), name="audit_index_begins_at_one")]
        indexes = [
            models.Index(fields=["organization_id", "request_id"], name="audit_event_request"),
            # What is filtered by, each in the order in which events are shown (audit.selectors). By time and then by
            # place, for all: times go as places do, and each index costs every act.
            models.Index(fields=["organization_id", "environment_id", "at", "index"], name="audit_event_at"),
            *(
                models.Index(
                    fields=["organization_id", "environment_id", by, "at", "index"], name=f"audit_event_by_{by}"
                )
                for by in ("actor_id", "ip", "tag", "target_id")
            ),
        ]

    def document(self) -> bytes:
        """The bytes that are hashed: RFC 8785 JSON of what stands in the clear, and the commitment in hex."""
        return self._document(self.index, self.at.strftime(_AT))

    def around_its_place(self) -> tuple[bytes, bytes, bytes]:
        """The document before its time, between time and index, and after: its place it is given by the database.

        No value can be taken for one of these names: in strings a quotation mark comes after a backslash.
        """
        before, at, rest = self._document(0, "").partition(b'"at":"')
        between, index, after = rest.partition(b'"index":')
        return before + at, between + index, after.removeprefix(b"0")

    def _document(self, index: int, at: str) -> bytes:
        return admin_document(
            organization=self.organization_id,
            environment=self.environment_id,
            index=index,
            at=at,
            tag=self.tag,
            actor_kind=self.actor_kind,
            actor_id=self.actor_id,
            method=self.method,
            target_kind=self.target_kind,
            target_id=self.target_id,
            ip=self.ip,
            request=self.request_id,
            commitment=bytes(self.commitment).hex(),
        )

    def computed_hash(self) -> bytes:
        """What `hash` must be, 32 bytes."""
        return chain.link(bytes(self.previous), self.document())

    def detail_matches(self) -> bool:
        """True if the sealed detail is the one that was committed to. Raises Tampered or KeyUnavailable."""
        if self.shredded:
            raise KeyGone
        return _committed(self.detail or {}) == bytes(self.commitment)

    @property
    def actor_label(self) -> str:
        return str((self.detail or {}).get("actor", ""))

    @property
    def target_label(self) -> str:
        return str((self.detail or {}).get("target", ""))


class ChainHead(Model):
    """Length and newest hash of an environment's chain, and the transaction that added to it last.

    Locked by whoever adds to it. `previous` and `at` are those of the newest event, which takes them from here. If
    nobody outside of the trail ever asked to be told of its events, none is told of (audit.registry): `heard` is set by
    the database once a room has somebody to tell, and stays.
    """

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    length = models.BigIntegerField(default=0)
    hash = models.BinaryField(default=chain.GENESIS)
    previous = models.BinaryField(null=True)
    at = models.DateTimeField(null=True)
    xid = models.BigIntegerField(default=0, db_default=0)
    heard = models.BooleanField(default=False, db_default=False)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id length hash previous at xid heard"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "environment_id"], name="audit_one_head_a_chain")
        ]


class ChainVerification(Model):
    """What a full check of a log found, and when."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=LOGS, default=Log.ADMIN)
    at = models.DateTimeField()
    length = models.BigIntegerField()
    head = models.BinaryField()
    first_bad = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id log at length head first_bad reason"
    )

    class Meta:
        indexes = [models.Index(fields=["organization_id", "environment_id", "at"], name="audit_verification_at")]


def _plain(route: str) -> str:
    return _PART.sub(r"{\1}", route)


class TransactionId(Func):
    """The number of the transaction that inserts the row, as the snapshots of others name it."""

    template = "pg_current_xact_id()::text::bigint"
    output_field = models.BigIntegerField()
    arity = 0
    allowed_default = True


class AccessEntry(Model):
    """One request: who, what, when, from where, with what outcome. Refusals too.

    Written without looking at any other row. Its place in the log it is given later, by an AccessLink.
    """

    sealed_title: ClassVar = "Access log"
    shredded = False  # as an event's

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
    commitment = models.BinaryField(null=True)  # none: written before HQ had its lines commit to their details
    xid = models.BigIntegerField(db_default=TransactionId())

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="detail",
        operational="organization_id environment_id at actor_kind actor_id method verb route status ip request_id"
        " duration_ms commitment xid",
    )

    @property
    def log_environment_id(self) -> UUID:
        """In whose log it is: a request outside of any environment is in that of the organization itself."""
        return self.environment_id or self.organization_id

    def document(self, index: int) -> bytes:
        """The bytes that are hashed, at the place that the line was given."""
        return access_document(
            organization=str(self.organization_id),
            environment=str(self.log_environment_id),
            index=index,
            id=str(self.pk),
            at=self.at.strftime(_AT),
            actor_kind=self.actor_kind,
            actor_id=str(self.actor_id) if self.actor_id else None,
            method=self.method,
            verb=self.verb,
            route=self.route,
            status=self.status,
            ip=self.ip,
            request=self.request_id,
            ms=self.duration_ms,
            commitment=self.committed().hex(),
        )

    def committed(self) -> bytes:
        """What the line commits to: its detail, or where it is older than that the sealed bytes of it."""
        if self.commitment is not None:
            return bytes(self.commitment)
        return chain.commitment(NO_SALT, self.__dict__["detail"].data)

    def detail_matches(self) -> bool:
        """True if the sealed detail is the one that was committed to. Raises Tampered or KeyUnavailable."""
        if self.shredded:
            raise KeyGone
        return self.commitment is None or _committed(self.detail or {}) == bytes(self.commitment)

    @property
    def where(self) -> str:
        """The route as people read it: without what every address of a place begins with."""
        for beginning in ("o/<slug:org_slug>/<env:env_name>/", "v1/environments/<uuid:environment_id>/"):
            if self.route.startswith(beginning):
                return ("/v1/…/" if beginning.startswith("v1") else "/") + _plain(self.route.removeprefix(beginning))
        return "/" + _plain(self.route)

    class Meta:
        indexes = [
            models.Index(fields=["organization_id", "environment_id", "id"], name="audit_access_newest"),
            models.Index(
                fields=["organization_id", "environment_id", "id"],
                condition=Q(status__gte=400),
                name="audit_access_refused",
            ),
            models.Index(fields=["organization_id", "environment_id", "actor_id", "id"], name="audit_access_actor"),
            models.Index(fields=["organization_id", "environment_id", "ip", "id"], name="audit_access_ip"),
            models.Index(fields=["organization_id", "request_id"], name="audit_access_request"),
            # Each log's lines in the order in which they are given their places.
            models.Index(fields=["organization_id", "environment_id", "xid", "id"], name="audit_access_waiting"),
            BrinIndex(fields=["xid"], autosummarize=True, name="audit_access_xid"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(commitment__isnull=True) | Q(commitment__length=32), name="audit_commitment_is_sha256"
            )
        ]


class AccessLink(Model):
    """The place of a line in its log, and its link of the chain. It has the line's own id."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    index = models.BigIntegerField()
    previous = models.BinaryField()
    hash = models.BinaryField()

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id environment_id index previous hash")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(index__gte=1), name="audit_link_begins_at_one"),
            models.CheckConstraint(
                condition=Q(hash__length=32) & Q(previous__length=32), name="audit_link_hashes_are_sha256"
            ),
        ]


class LogHead(Model):
    """How far the tree of a log goes, and the newest link in it. Locked by whoever adds to the tree.

    Of the access log also up to where the lines have their places: everything of transactions before `xid`, and of that
    one up to `entry_id`. Numbers of transactions mean something in one cluster only: `cluster` says in which.
    """

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=LOGS)
    size = models.BigIntegerField(default=0)
    hash = models.BinaryField(default=chain.GENESIS)
    xid = models.BigIntegerField(default=0)
    entry_id = models.UUIDField(default=UUID(int=0))
    cluster = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id log size hash xid entry_id cluster dropped"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "environment_id", "log"], name="audit_one_head_a_log")
        ]


class Tile(Model):
    """256 hashes of a log's tree, or fewer in the last of a level (C2SP tlog-tiles). One that is full never changes."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=LOGS)
    level = models.PositiveSmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id environment_id log level number hashes")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log", "level", "number"], name="audit_one_tile_a_place"
            ),
            models.CheckConstraint(
                condition=Q(hashes__length__gte=32) & Q(hashes__length__lte=8192), name="audit_tiles_have_256_hashes"
            ),
        ]


class SweepMark(Model):
    """One row of the deployment's own: every line of the access log of a transaction before this has its place."""

    organization_id = models.UUIDField()  # the deployment's; row security asks each table for one
    xid = models.BigIntegerField(default=0)
    cluster = models.BigIntegerField(default=0)

    data_classes: ClassVar = Declared(kept=DEPLOYMENT, operational="organization_id xid cluster")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization_id"], name="audit_one_sweep_mark")]


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
