"""Workloads that sign in with a token of their own platform, and the tokens they get for it (ACC-8)."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.fields import Purpose, SealedJSONField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

LONGEST_SECONDS = 900


class Trust(TenantModel):
    """Whose tokens are taken, and what they are taken for: a service account of one environment, and scopes.

    `conditions` is `issuer`, `audience`, `subject`, all exact, and `claims`, exact by name. `source` is where the
    issuer's keys are: `jwks_uri`, or `keys` that were pasted. `single_use`: each token is exchanged once.
    """

    class Kind(models.TextChoices):
        AWS = "aws", "AWS"
        GCP = "gcp", "Google Cloud"
        AZURE = "azure", "Azure"
        GITHUB = "github", "GitHub Actions"
        KUBERNETES = "kubernetes", "Kubernetes"
        OTHER = "other", "Another issuer"

    sealed_title: ClassVar = "Workload trusts"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    service_account = TenantForeignKey("tenants.ServiceAccount", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    conditions = SealedJSONField(purpose=Purpose.METADATA)
    source = SealedJSONField(purpose=Purpose.METADATA)
    scopes = ArrayField(models.CharField(max_length=40))
    seconds = models.PositiveSmallIntegerField(default=LONGEST_SECONDS)
    single_use = models.BooleanField(default=False)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)
    disabled_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="conditions source",
        in_clear={"name": "Names a machine, and is found by it"},
        operational="environment service_account kind scopes seconds single_use created_by_id created_at changed_at"
        " disabled_at last_used_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(scopes=[]), name="workloads_trust_has_a_scope"),
            models.CheckConstraint(condition=~Q(name=""), name="workloads_trust_has_a_name"),
            models.CheckConstraint(
                condition=Q(seconds__gte=60, seconds__lte=LONGEST_SECONDS), name="workloads_tokens_are_short"
            ),
        ]


class Token(TenantModel):
    """One that was given for a workload's own, kept as its SHA-256."""

    trust = TenantForeignKey(Trust, on_delete=models.CASCADE, related_name="tokens")
    digest = models.BinaryField(unique=True)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=days(1, "after it expired"),
        secrets={"digest": Held.DIGEST},
        operational="trust scopes created_at expires_at",
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(scopes=[]), name="workloads_token_has_a_scope")]
        indexes = [models.Index(fields=["organization", "expires_at"], name="workloads_token_by_end")]


class UsedToken(TenantModel):
    """A workload's token that was exchanged and may not be again, as a digest of its id."""

    trust = TenantForeignKey(Trust, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField()
    expires_at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=days(1, "after it expired"), secrets={"digest": Held.DIGEST}, operational="trust expires_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "trust", "digest"], name="workloads_token_used_once")
        ]
        indexes = [models.Index(fields=["organization", "expires_at"], name="workloads_used_token_by_end")]


class Exchange(TenantModel):
    """One asking for a token: given, or refused and why. `reason` is the check that failed, a word."""

    sealed_title: ClassVar = "Workload exchanges"

    trust = TenantForeignKey(Trust, on_delete=models.CASCADE, related_name="exchanges")
    at = models.DateTimeField(default=now)
    given = models.BooleanField()
    reason = models.CharField(max_length=60, default="", blank=True)
    detail = SealedJSONField(purpose=Purpose.METADATA)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40)

    data_classes: ClassVar = Declared(
        kept=days(30, "after it happened"), metadata="detail", operational="trust at given reason ip request_id"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(given=True, reason="") | (Q(given=False) & ~Q(reason="")),
                name="workloads_refused_for_a_reason",
            )
        ]
        indexes = [
            models.Index(fields=["organization", "trust", "-id"], name="workloads_newest_exchanges"),
            models.Index(fields=["organization", "at"], name="workloads_exchange_by_age"),
        ]
