"""What allauth tells of signing in, kept in the person's own log."""

from typing import Any

from allauth.account import signals as account
from django.contrib.auth import signals as auth
from django.http import HttpRequest

from audit import recorder
from audit.tags import PersonTag
from hq.authz.actor import Origin
from hq.web.request import origin
from tenants.models import User


def _origin(request: HttpRequest | None) -> Origin:
    return origin(request) if request is not None else Origin()


def _signed_up(*, request: HttpRequest, user: User, **_: Any) -> None:
    recorder.record_person(PersonTag.SIGN_UP, person_id=user.pk, origin=_origin(request))


def _signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    recorder.record_person(PersonTag.SIGN_IN, person_id=user.pk, origin=_origin(request))


def _signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        recorder.record_person(PersonTag.SIGN_OUT, person_id=user.pk, origin=_origin(request))


def _refused(*, request: HttpRequest | None = None, credentials: dict[str, Any], **_: Any) -> None:
    address = credentials.get("email") or ""
    user = User.objects.with_address(address)
    recorder.record_person(PersonTag.SIGN_IN_FAILED, person_id=user.pk if user else None, origin=_origin(request))


def _password_changed(*, request: HttpRequest, user: User, **_: Any) -> None:
    recorder.record_person(PersonTag.PASSWORD_CHANGED, person_id=user.pk, origin=_origin(request))


def connect() -> None:
    """Called once, when the app is ready."""
    account.user_signed_up.connect(_signed_up)
    auth.user_logged_in.connect(_signed_in)
    auth.user_logged_out.connect(_signed_out)
    auth.user_login_failed.connect(_refused)
    account.password_changed.connect(_password_changed)
    account.password_reset.connect(_password_changed)
