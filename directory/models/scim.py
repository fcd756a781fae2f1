"""Directory sync (SCIM 2.0, ACC-12): what the organization's directory says of its people and groups."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

_INDEX = "A keyed digest, by which an equal value is found"


class ScimToken(TenantModel):
    """What the directory proves itself with, kept as its SHA-256. There are two places, so that one can replace one."""

    SLOTS: ClassVar = (1, 2)

    slot = models.PositiveSmallIntegerField()
    token_digest = models.BinaryField(unique=True)
    hint = models.CharField(max_length=4)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={"hint": "The last four characters, to tell tokens apart"},
        secrets={"token_digest": Held.DIGEST},
        operational="slot created_by_id created_at last_used_at revoked_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(slot__in=[1, 2]), name="directory_token_has_one_of_two_places"),
            models.UniqueConstraint(
                fields=["organization", "slot"], condition=Q(revoked_at=None), name="directory_two_live_tokens_at_most"
            ),
        ]


class ScimUser(TenantModel):
    """One person as the directory knows them. Active is whoever has a membership; nothing else says so.

    The account is never the directory's: it only gives and takes the membership. `address` is what the account is
    found by; `emails_index` holds a digest of each address that the directory has told.
    """

    sealed_title: ClassVar = "People of the directory"

    person = models.ForeignKey("tenants.User", on_delete=models.SET_NULL, null=True, related_name="+")
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, null=True, related_name="+")
    user_name = SealedTextField(purpose=Purpose.METADATA)
    user_name_index = models.BinaryField()
    external_id = SealedTextField(purpose=Purpose.METADATA, null=True)
    external_id_index = models.BinaryField(null=True)
    address = SealedTextField(purpose=Purpose.METADATA)
    emails_index = ArrayField(models.BinaryField(), default=list)
    attributes = SealedJSONField(purpose=Purpose.METADATA)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now)
    modified_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="user_name external_id address attributes",
        in_clear={"user_name_index": _INDEX, "external_id_index": _INDEX, "emails_index": _INDEX},
        operational="person membership version created_at modified_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user_name_index"], name="directory_user_name_once"),
            models.UniqueConstraint(
                fields=["organization", "person"],
                condition=Q(person__isnull=False),
                name="directory_person_once",
            ),
            models.CheckConstraint(
                condition=Q(membership__isnull=True) | Q(person__isnull=False),
                name="directory_member_is_a_person",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "external_id_index"], name="directory_user_by_external_id"),
            models.Index(fields=["organization", "modified_at"], name="directory_user_by_change"),
        ]

    @property
    def active(self) -> bool:
        """Whether the person is a member now."""
        return self.membership_id is not None

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'


class ScimGroup(TenantModel):
    """One group as the directory knows it. Its name, and who of it is a member here, stand in the group itself."""

    sealed_title: ClassVar = "Groups of the directory"

    group = TenantForeignKey("tenants.Group", on_delete=models.DO_NOTHING, related_name="+")
    name_index = models.BinaryField()
    external_id = SealedTextField(purpose=Purpose.METADATA, null=True)
    external_id_index = models.BinaryField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now)
    modified_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="external_id",
        in_clear={"name_index": _INDEX, "external_id_index": _INDEX},
        operational="group version created_at modified_at",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "group"], name="directory_group_once")]
        indexes = [
            models.Index(fields=["organization", "external_id_index"], name="directory_group_by_external_id"),
            models.Index(fields=["organization", "name_index"], name="directory_group_by_name"),
        ]

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'


class ScimGroupMember(TenantModel):
    """Whom the directory has put in a group, also while they are not active: who comes back is in it again."""

    group = TenantForeignKey(ScimGroup, on_delete=models.DO_NOTHING, related_name="members")
    user = TenantForeignKey(ScimUser, on_delete=models.DO_NOTHING, related_name="places")

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="group user")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "group", "user"], name="directory_in_a_group_once")
        ]


class ScimOperation(TenantModel):
    """One thing the directory did or was refused: the last 500, for a month. What it only read is not kept."""

    sealed_title: ClassVar = "What the directory did"

    at = models.DateTimeField(default=now)
    token_id = models.UUIDField()
    method = models.CharField(max_length=10)
    resource = models.CharField(max_length=40)
    target_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField()
    detail = SealedTextField(purpose=Purpose.METADATA)
    request_id = models.CharField(max_length=40)

    data_classes: ClassVar = Declared(
        kept=days(30, "after it happened; the last 500 at most"),
        metadata="detail",
        operational="at token_id method resource target_id status request_id",
    )

    @property
    def failed(self) -> bool:
        return self.status >= 400
