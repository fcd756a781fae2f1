"""Organizations, what they ask of their people, and their environments."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.text import slugify

from hq.db.classes import ORGANIZATION, Declared
from hq.db.models import Model, TenantModel
from hq.lib.clock import now

LIVE, TEST = "live", "test"
TOTP, WEBAUTHN = "totp", "webauthn"
FACTORS = (TOTP, WEBAUTHN)


def every_factor() -> list[str]:
    """The kinds of second factors that count, unless an organization says otherwise."""
    return list(FACTORS)


class Policy(models.Model):
    """What an organization asks of its people. Its columns stand in the organization's own row: no row is no policy."""

    class Reach(models.TextChoices):
        """What opens a file: a role, or an access rule on its path (owners and admins need none)."""

        ROLES = "roles"
        RULES = "rules"

    class Support(models.TextChoices):
        """Who says yes when an operator asks for access: a person of the organization, or another operator."""

        ORGANIZATION = "organization"
        OPERATORS = "operators"

    mfa_required = models.BooleanField(default=False)
    mfa_factors = ArrayField(models.CharField(max_length=10), default=every_factor)
    mfa_by_provider = models.BooleanField(default=False)
    idle_minutes = models.PositiveIntegerField(null=True)
    lifetime_minutes = models.PositiveIntegerField(null=True)
    networks = ArrayField(models.CharField(max_length=43), default=list)
    email_domains = ArrayField(models.CharField(max_length=253), default=list)
    sso_required = models.BooleanField(default=False)
    break_glass_id = models.UUIDField(null=True)
    reach = models.CharField(max_length=5, choices=Reach.choices, default=Reach.ROLES)
    support_by = models.CharField(max_length=12, choices=Support.choices, default=Support.ORGANIZATION)

    data_classes: ClassVar = Declared(
        operational="mfa_required mfa_factors mfa_by_provider idle_minutes lifetime_minutes networks sso_required"
        " break_glass_id reach support_by"
    )

    class Meta:
        abstract = True


class Organization(Policy, Model):
    """A tenant."""

    class State(models.TextChoices):
        PROVISIONING = "PROVISIONING"
        READY = "READY"
        SUSPENDED = "SUSPENDED"
        CLOSED = "CLOSED"

    # While it is being erased; there is no way out of it, and nobody chooses it.
    ERASING: ClassVar = "ERASING"
    # States in which nobody comes in. To its people, one in the last two is not there.
    SHUT: ClassVar = frozenset({State.SUSPENDED, State.CLOSED, ERASING})
    GONE: ClassVar = frozenset({State.CLOSED, ERASING})

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=48, unique=True, db_index=False)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROVISIONING)
    region = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=now)
    created_by_id = models.UUIDField()

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={
            "name": "Shown before the organization has keys",
            "slug": "Part of every address of its pages",
            "email_domains": "Compared with the address of whoever joins",
        },
        operational="state region created_at created_by_id",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(slug=""), name="tenants_organization_has_a_name"),
            models.CheckConstraint(
                condition=Q(sso_required=False) | Q(break_glass_id__isnull=False),
                name="tenants_required_sso_has_a_way_around",
            ),
            models.CheckConstraint(
                condition=Q(mfa_required=False) | ~Q(mfa_factors=[]), name="tenants_required_factor_exists"
            ),
        ]

    @staticmethod
    def slug_for(name: str) -> str:
        """What the address of an organization is made of."""
        return slugify(name)[:40].strip("-") or "organization"


class Environment(TenantModel):
    """`live` or `test`: its own objects, links, API keys and trail."""

    name = models.CharField(max_length=10, choices=[(LIVE, LIVE), (TEST, TEST)])
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="name created_at")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="tenants_environment_once")]
