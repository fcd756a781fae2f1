"""What HQ asks of allauth."""

from collections.abc import Iterable

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.crypto import get_random_string

from audit import recorder
from audit.tags import PersonTag
from hq.web.request import origin, source_ip
from tenants.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Addresses in lower case, the caller's address by our own rule, the name and zone from the sign-up form."""

    def clean_email(self, email: str) -> str:
        return str(super().clean_email(email)).lower()

    def get_client_ip(self, request: HttpRequest) -> str:
        return source_ip(request) or "unknown"

    def send_account_already_exists_mail(self, email: str) -> None:
        make_password(get_random_string(12))  # as a new account would: the time must not tell which of the two it was
        super().send_account_already_exists_mail(email)

    def save_user(self, request: HttpRequest, user: User, form: object, commit: bool = True) -> User:
        data = getattr(form, "cleaned_data", {})
        user.name = data.get("name") or ""
        user.time_zone = data.get("time_zone") or "UTC"
        saved: User = super().save_user(request, user, form, commit=commit)
        return saved


class SessionsAdapter(DefaultUserSessionsAdapter):
    """A session that a person ends from the list stands in their own log."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        for session in sessions:
            session.end()
            recorder.record_person(
                PersonTag.SESSION_ENDED, person_id=session.user_id, origin=origin(context.request), target_id=""
            )
