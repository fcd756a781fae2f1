"""People in an organization, those invited, and their groups."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from hq.authz.roles import Role
from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from tenants.models.people import User


class Membership(TenantModel):
    """A person in an organization, with one role."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    joined_at = models.DateTimeField(default=now)
    invited_by_id = models.UUIDField(null=True)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="user role joined_at invited_by_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="tenants_member_once"),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role if r is not Role.SERVICE_ACCOUNT]),
                name="tenants_member_has_a_role_of_people",
            ),
        ]


class Invitation(TenantModel):
    """A way in for one address. The token is kept as its SHA-256; the address is sealed.

    `unsent` is the token itself, sealed, until it was mailed.
    """

    sealed_title: ClassVar = "Invitations"

    email = SealedTextField(purpose=Purpose.METADATA)
    email_index = models.BinaryField()
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    token_digest = models.BinaryField(unique=True)
    unsent = SealedTextField(purpose=Purpose.METADATA, null=True)
    invited_by_id = models.UUIDField()
    invited_by_label = SealedTextField(purpose=Purpose.METADATA)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=days(30, "after it expires"),
        metadata="email invited_by_label",
        in_clear={"email_index": "A keyed digest, by which an equal address is found"},
        secrets={"token_digest": Held.DIGEST, "unsent": Held.SEALED},
        operational="role invited_by_id created_at expires_at accepted_at revoked_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~(Q(accepted_at__isnull=False) & Q(revoked_at__isnull=False)),
                name="tenants_invitation_ends_once",
            ),
            models.UniqueConstraint(
                fields=["organization", "email_index"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="tenants_one_open_invitation_an_address",
            ),
        ]

    @property
    def state(self) -> str:
        """accepted, revoked, expired or open."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= now() else "open"


class Group(TenantModel):
    """People who are given access together. Kept here, or by the organization's own directory (SCIM)."""

    class Source(models.TextChoices):
        HERE = "here"
        DIRECTORY = "directory"

    name = models.CharField(max_length=120)
    source = models.CharField(max_length=9, choices=Source.choices, default=Source.HERE)
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION, in_clear={"name": "Sorted and found by it"}, operational="source created_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint("organization", Lower("name"), name="tenants_group_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="tenants_group_has_a_name"),
        ]


class GroupMember(TenantModel):
    """A member's place in a group. Leaving the organization leaves its groups."""

    group = TenantForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    membership = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    added_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="group membership added_at")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "group", "membership"], name="tenants_in_a_group_once")
        ]
