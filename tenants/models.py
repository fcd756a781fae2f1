"""Organizations, their environments, the people in them and the keys of machines."""

from typing import ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.text import slugify

from hq.authz.roles import Role
from hq.db.classes import ACCOUNT, ORGANIZATION, UNTIL_EXPIRED, Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import PLATFORM_ID, Model, TenantForeignKey, TenantModel
from hq.lib.clock import now
from hq.lib.ids import new_id

LIVE, TEST = "live", "test"
THEMES = [("system", "As the system"), ("light", "Light"), ("dark", "Dark")]


class UserManager(BaseUserManager["User"]):
    """Addresses are kept in lower case: one mailbox, one account."""

    def create_user(self, email: str, password: str | None = None) -> "User":
        user = self.model(email=email.lower())
        user.set_password(password)
        user.save(using=self._db)
        return user

    def with_address(self, email: str) -> "User | None":
        """The account of an address, if there is one.

        Never `iexact`: PostgreSQL's upper case of a dotless i is I, so anyone's `admın@…` would answer for `admin@…`.
        """
        return self.filter(email=email.strip().lower()).first()

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").lower())


class User(AbstractBaseUser):
    """A person, in no organization or in several. Sealed under the platform's people key."""

    sealed_title: ClassVar = "Accounts"
    sealed_under: ClassVar[UUID] = PLATFORM_ID

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = SealedTextField(purpose=Purpose.PEOPLE, null=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=10, choices=THEMES, default="system")
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ACCOUNT,
        metadata="name",
        in_clear={
            "email": "Signing in finds the account by it",
            "time_zone": "Read on each page, before anything is opened",
            "theme": "Read on each page, before anything is opened",
        },
        secrets={"password": Held.ARGON2ID},
        operational="id last_login is_active is_operator created_at",
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="tenants_address_in_lower_case")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def label(self) -> str:
        """The name people see; the address until there is one."""
        return self.name or self.email


class Organization(Model):
    """A tenant."""

    class State(models.TextChoices):
        PROVISIONING = "PROVISIONING"
        READY = "READY"

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=48, unique=True, db_index=False)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROVISIONING)
    region = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=now)
    created_by_id = models.UUIDField()

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={"name": "Shown before the organization has keys", "slug": "Part of every address of its pages"},
        operational="state region created_at created_by_id",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(slug=""), name="tenants_organization_has_a_name")
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
    """A way in for one address. The token is kept as its SHA-256; the address is sealed."""

    sealed_title: ClassVar = "Invitations"

    email = SealedTextField(purpose=Purpose.METADATA)
    email_index = models.BinaryField()
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    token_digest = models.BinaryField(unique=True)
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
        secrets={"token_digest": Held.DIGEST},
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


class ApiKey(TenantModel):
    """A machine's way in: bound to one environment, to scopes, and to what its maker may still do."""

    environment = TenantForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    lookup = models.BinaryField(unique=True)
    hash = models.CharField(max_length=200)
    hint = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=40))
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_ip = models.GenericIPAddressField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={
            "name": "Names a machine, and is found by it",
            "hint": "The last four characters, to tell keys apart",
        },
        secrets={"lookup": Held.DIGEST, "hash": Held.ARGON2ID},
        operational="environment scopes created_by created_at expires_at revoked_at last_used_at last_used_ip",
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(scopes=[]), name="tenants_api_key_has_a_scope")]

    @property
    def state(self) -> str:
        """revoked, expired or active."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now() else "active"


class OneTimeSignIn(Model):
    """A sign-in link made on the server, for one person, once. Kept as its SHA-256."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    token_digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=UNTIL_EXPIRED, secrets={"token_digest": Held.DIGEST}, operational="user created_at expires_at used_at"
    )
