"""Accounts of people, who are in no organization or in several."""

from typing import ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from hq.db.classes import ACCOUNT, UNTIL_EXPIRED, Declared, Held
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import PLATFORM_ID, Model
from hq.lib.clock import now
from hq.lib.ids import new_id

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
