"""Domains of addresses that an organization has shown to be its own."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from hq.db.classes import ORGANIZATION, Declared
from hq.db.models import TenantModel
from hq.lib.clock import now


class Domain(TenantModel):
    """A domain, and the word that must stand in its DNS. Verified, it belongs to one organization only."""

    name = models.CharField(max_length=253)
    challenge = models.CharField(max_length=64)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    checked_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={"name": "Signing in finds the organization by it", "challenge": "Published in the domain’s DNS"},
        operational="created_by_id created_at checked_at verified_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="directory_domain_once"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(verified_at__isnull=False), name="directory_domain_verified_once"
            ),
            models.CheckConstraint(
                condition=Q(name=Lower("name")) & ~Q(name=""), name="directory_domain_in_lower_case"
            ),
        ]
