"""What allauth tells of signing in, kept in the person's own log."""

from time import time
from typing import Any

from allauth.account import signals as account
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa import signals as factors
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.contrib.auth import signals as auth
from django.http import HttpRequest

from audit import recorder
from audit.tags import PersonTag
from hq.authz.actor import Origin
from hq.web.request import origin
from tenants import actions
from tenants.models import User


def _origin(request: HttpRequest | None) -> Origin:
    return origin(request) if request is not None else Origin()


def _signed_up(*, request: HttpRequest, user: User, **_: Any) -> None:
    recorder.record_person(PersonTag.SIGN_UP, person_id=user.pk, origin=_origin(request))


def _signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    request.session["hq.signed_in_at"] = int(time())  # how long a session may last counts from here
    request.session.pop("hq.unused", None)  # and how long nobody used it
    recorder.record_person(PersonTag.SIGN_IN, person_id=user.pk, origin=_origin(request))


def _signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        actions.end_support_of_session(request.session, person=user, origin=_origin(request))
        recorder.record_person(PersonTag.SIGN_OUT, person_id=user.pk, origin=_origin(request))


def _refused(*, request: HttpRequest | None = None, credentials: dict[str, Any], **_: Any) -> None:
    address = credentials.get("email") or ""
    user = User.objects.with_address(address)
    recorder.record_person(PersonTag.SIGN_IN_FAILED, person_id=user.pk if user else None, origin=_origin(request))


def _password_changed(*, request: HttpRequest, user: User, **_: Any) -> None:
    recorder.record_person(PersonTag.PASSWORD_CHANGED, person_id=user.pk, origin=_origin(request))


def _factor(tag: PersonTag, request: HttpRequest, user: User, kind: str) -> None:
    recorder.record_person(tag, person_id=user.pk, origin=_origin(request), target_id=kind)


def _factor_added(*, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Adding it was using it: who just did so is not asked for it again before they see their recovery codes."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _codes_made(request=request, user=user)
        return
    _factor(PersonTag.FACTOR_ADDED, request, user, authenticator.type)
    shown = {"id": authenticator.pk, "type": authenticator.type}
    record_authentication(request, user, "mfa", reauthenticated=True, **shown)


def _codes_made(*, request: HttpRequest, user: User, **_: Any) -> None:
    _factor(PersonTag.RECOVERY_CODES_MADE, request, user, "")


def _factor_removed(*, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _factor(PersonTag.FACTOR_REMOVED, request, user, authenticator.type)


def _factor_used(*, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """A recovery code that somebody else used is what its owner must hear of."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        _factor(PersonTag.FACTOR_USED, request, user, authenticator.type)
        return
    _factor(PersonTag.RECOVERY_CODE_USED, request, user, "")
    left = len(Authenticator.objects.get(pk=authenticator.pk).wrap().get_unused_codes())
    get_adapter().send_notification_mail("mfa/email/recovery_code_used", user, {"left": left})


def _factor_refused(*, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _factor(PersonTag.FACTOR_REFUSED, request, user, authenticator.type)


def _provider_connected(*, request: HttpRequest, sociallogin: SocialLogin, **_: Any) -> None:
    _factor(PersonTag.PROVIDER_CONNECTED, request, sociallogin.user, sociallogin.account.provider)


def _provider_disconnected(*, request: HttpRequest, socialaccount: SocialAccount, **_: Any) -> None:
    _factor(PersonTag.PROVIDER_DISCONNECTED, request, socialaccount.user, socialaccount.provider)


def connect() -> None:
    """Called once, when the app is ready."""
    account.user_signed_up.connect(_signed_up)
    auth.user_logged_in.connect(_signed_in)
    auth.user_logged_out.connect(_signed_out)
    auth.user_login_failed.connect(_refused)
    account.password_changed.connect(_password_changed)
    account.password_reset.connect(_password_changed)
    factors.authenticator_added.connect(_factor_added)
    factors.authenticator_removed.connect(_factor_removed)
    factors.authenticator_reset.connect(_codes_made)
    factors.authenticator_used.connect(_factor_used)
    factors.authentication_failed.connect(_factor_refused)
    social.social_account_added.connect(_provider_connected)
    social.social_account_removed.connect(_provider_disconnected)
