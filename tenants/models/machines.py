"""Machines: service accounts, and the keys they and people's programs come in with."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from tenants.models.organizations import Environment
from tenants.models.people import User


class ServiceAccount(TenantModel):
    """A machine that access rules can name. Its keys stay when the person who made them leaves."""

    name = models.CharField(max_length=80)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={"name": "Names a machine, and is found by it"},
        operational="created_by_id created_at ended_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), condition=Q(ended_at=None), name="tenants_service_account_name_once"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="tenants_service_account_has_a_name"),
        ]


class ApiKey(TenantModel):
    """A machine's way in: bound to one environment, to scopes, and to what its maker may still do.

    One of a service account is bound to that instead, and stays when its maker leaves. `networks` are the only ones it
    is accepted from, as CIDR; none: from everywhere. Rotated out, it has `replaced_by` and works until `expires_at`.
    `warned_days` and `aged_at` keep what its people were told last: days before its end, and of its age.
    """

    sealed_title: ClassVar = "API keys"

    environment = TenantForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    lookup = models.BinaryField(unique=True)
    hash = models.CharField(max_length=200)
    hint = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=40))
    service_account = TenantForeignKey(ServiceAccount, on_delete=models.CASCADE, null=True, related_name="+")
    networks = ArrayField(models.CharField(max_length=43), default=list)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    made_by_key = TenantForeignKey("self", on_delete=models.DO_NOTHING, null=True, related_name="+")
    replaced_by = TenantForeignKey("self", on_delete=models.DO_NOTHING, null=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_ip = models.GenericIPAddressField(null=True)
    last_used_agent = SealedTextField(purpose=Purpose.METADATA, null=True)
    warned_days = models.PositiveSmallIntegerField(null=True)
    aged_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="last_used_agent",
        in_clear={
            "name": "Names a machine, and is found by it",
            "hint": "The last four characters, to tell keys apart",
        },
        secrets={"lookup": Held.DIGEST, "hash": Held.ARGON2ID},
        operational="environment scopes service_account networks created_by made_by_key replaced_by created_at"
        " expires_at revoked_at last_used_at last_used_ip warned_days aged_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(scopes=[]), name="tenants_api_key_has_a_scope"),
            models.CheckConstraint(
                condition=Q(replaced_by=None) | Q(expires_at__isnull=False), name="tenants_replaced_api_key_ends"
            ),
        ]

    @property
    def state(self) -> str:
        """revoked, expired or active."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now() else "active"


class ApiKeyDay(TenantModel):
    """How often a key was used on one day (UTC), and how often it was refused for where it came from."""

    key = TenantForeignKey(ApiKey, on_delete=models.CASCADE, related_name="days")
    on = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)

    data_classes: ClassVar = Declared(kept=days(400, "after that day"), operational="key on requests refused")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "key", "on"], name="tenants_api_key_has_a_day_once")
        ]


class ApiKeyNetwork(TenantModel):
    """A network that a key came from: the first 24 bits of an IPv4 address, the first 48 of an IPv6 one."""

    key = TenantForeignKey(ApiKey, on_delete=models.CASCADE, related_name="seen_from")
    network = models.CharField(max_length=43)
    first_at = models.DateTimeField(default=now)
    last_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="key network first_at last_at")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key", "network"], name="tenants_api_key_has_a_network_once"
            )
        ]
