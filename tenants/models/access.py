"""Access rules: who may do what below which path (ACC-2). Grants only: nothing here takes away."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from hq.authz.levels import Level
from hq.db.classes import ORGANIZATION, Declared
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from hq.lib.paths import MAX_PATH_BYTES
from tenants.models.machines import ServiceAccount
from tenants.models.members import Group, Membership
from tenants.models.organizations import Environment

_PRINCIPALS = ("membership", "group", "service_account")


def _only(name: str) -> Q:
    return Q(**{f"{other}__isnull": other != name for other in _PRINCIPALS})


class AclEntry(TenantModel):
    """One principal's level on every path below a prefix. Whatever it names leaves, the entry leaves with it."""

    environment = TenantForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    membership = TenantForeignKey(Membership, on_delete=models.CASCADE, null=True, related_name="+")
    group = TenantForeignKey(Group, on_delete=models.CASCADE, null=True, related_name="+")
    service_account = TenantForeignKey(ServiceAccount, on_delete=models.CASCADE, null=True, related_name="+")
    principal_id = models.GeneratedField(
        expression=Coalesce("membership_id", "group_id", "service_account_id"),
        output_field=models.UUIDField(),
        db_persist=True,
    )
    # In C order, so that the prefixes of a path and the paths of a prefix are ranges of one index.
    prefix = models.CharField(max_length=MAX_PATH_BYTES, db_collation="C")
    level = models.PositiveSmallIntegerField(choices=[(level.value, level.name) for level in Level])
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={"prefix": "Compared with paths, which stand in the clear"},
        operational="environment membership group service_account principal_id level created_by_id created_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=_only("membership") | _only("group") | _only("service_account"),
                name="tenants_access_rule_names_one",
            ),
            models.CheckConstraint(
                condition=Q(level__in=[level.value for level in Level]), name="tenants_access_rule_has_a_level"
            ),
            models.CheckConstraint(
                condition=Q(prefix="") | Q(prefix__endswith="/"), name="tenants_access_rule_ends_at_a_folder"
            ),
            models.UniqueConstraint(
                fields=["organization", "environment", "principal_id", "prefix"], name="tenants_access_rule_once"
            ),
        ]
