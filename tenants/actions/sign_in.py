"""Sign-in links made on the server, accounts, and what their people say of themselves."""

from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from audit import recorder
from audit.tags import PersonTag
from hq.authz.actor import Origin
from hq.crypto import secrets
from hq.lib.clock import now
from hq.lib.errors import NotFound
from tenants.models import OneTimeSignIn, User

LIFE, FIRST_LIFE = timedelta(minutes=15), timedelta(days=7)
TOKEN_PREFIX = "hqo_"


def ensure_person(*, email: str, name: str) -> User:
    """The person with this address, made with a verified address and no password where there is none."""
    with transaction.atomic():
        user = User.objects.with_address(email)
        if user is None:
            user = User.objects.create_user(email)
            user.name = name
            user.save(update_fields=["name"])
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def reclaim_person(*, email: str, name: str) -> User:
    """The person with this address, whom the owner of its domain vouches for.

    An account whose address nobody ever confirmed may have been made by anybody: what that one could sign in with goes.
    """
    with transaction.atomic():
        user = ensure_person(email=email, name=name)
        addresses = EmailAddress.objects.select_for_update().filter(user=user)
        if not addresses.filter(email=user.email, verified=True).exists():
            user.set_unusable_password()
            user.save(update_fields=["password"])
            Authenticator.objects.filter(user_id=user.pk).delete()
            SocialAccount.objects.filter(user_id=user.pk).delete()
            for session in UserSession.objects.filter(user_id=user.pk):
                session.end()
            addresses.delete()
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def create_sign_in_link(*, person: User, life: timedelta = LIFE) -> str:
    """The address of a page that signs this person in once. Called only by commands on the server."""
    token = secrets.random_token(TOKEN_PREFIX)
    OneTimeSignIn.objects.create(user=person, token_digest=secrets.digest(token), expires_at=now() + life)
    return f"{settings.BASE_URL}/sign-in/{token}"


def create_first_sign_in(*, person: User) -> str:
    """A link to mail to who has never been here and has nothing to sign in with, good for a week; "" for all others."""
    untouched = person.last_login is None and not person.has_usable_password()
    if not untouched or SocialAccount.objects.filter(user_id=person.pk).exists():
        return ""
    return create_sign_in_link(person=person, life=FIRST_LIFE)


def use_sign_in_link(*, token: str) -> User:
    """Consume the link, in one statement, and give its person. Spent, expired and unknown look alike."""
    links = OneTimeSignIn.objects.filter(token_digest=secrets.digest(token), used_at__isnull=True, expires_at__gt=now())
    if links.update(used_at=now()) != 1:
        raise NotFound
    link = OneTimeSignIn.objects.select_related("user").get(token_digest=secrets.digest(token))
    if not link.user.is_active:
        raise NotFound
    return link.user


@transaction.atomic
def reset_factors(*, email: str) -> User:
    """Take away every second factor of a person who has lost them all, and tell them. Only by a command on the server.

    Nothing is opened for it, so it helps also where a factor's row was damaged.
    """
    user = User.objects.with_address(email)
    if user is None:
        raise NotFound("Nobody has signed up with this address.")
    Authenticator.objects.filter(user_id=user.pk).delete()
    body = render_to_string("tenants/mail/factors_reset.txt", {"url": settings.BASE_URL})
    message = EmailMessage("HQ: Second factors removed", body, to=[user.email])
    transaction.on_commit(message.send, robust=True)
    recorder.record_person(PersonTag.FACTORS_RESET, person_id=user.pk, origin=Origin())
    return user


def update_profile(*, person: User, name: str, time_zone: str, theme: str) -> User:
    """Change what a person says of themselves."""
    person.name, person.time_zone, person.theme = name, time_zone, theme
    person.save(update_fields=["name", "time_zone", "theme"])
    return person
