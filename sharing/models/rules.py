"""What members may share at most: one rule for the whole organization, and one for each group that has its own."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from hq.db.classes import ORGANIZATION, Declared
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

DOMAINS_MOST = 50


class SharingRule(TenantModel):
    """A cap on what is shared. Without a group it is the organization's. What is not said is not capped."""

    group = TenantForeignKey("tenants.Group", on_delete=models.CASCADE, related_name="+", null=True)
    longest_seconds = models.PositiveIntegerField(null=True)
    password_required = models.BooleanField(default=False)
    domains = ArrayField(models.CharField(max_length=253), default=list)
    write_allowed = models.BooleanField(default=True)
    requests_allowed = models.BooleanField(default=True)
    changed_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        operational="group longest_seconds password_required domains write_allowed requests_allowed changed_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "group"], name="sharing_one_rule_a_group"),
            models.UniqueConstraint(
                fields=["organization_id"], condition=Q(group__isnull=True), name="sharing_one_rule_for_all"
            ),
            models.CheckConstraint(
                condition=Q(longest_seconds__isnull=True) | Q(longest_seconds__gte=60),
                name="sharing_rule_leaves_a_minute",
            ),
        ]
