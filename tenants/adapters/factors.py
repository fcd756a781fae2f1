"""What HQ asks of allauth.mfa: where it looks at a second factor more closely than allauth does.

A code of an app counts once for as long as it could be accepted, also the one that added the app. A passkey's answer
must come from our own origin and no other, not even from one below it. A seed that is being added stands in the session
sealed, as it does in its row afterwards. What was refused stands in the person's own log.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import qrcode
from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from fido2.utils import websafe_decode

from audit import recorder
from audit.tags import PersonTag
from hq.db.models import PLATFORM_ID
from hq.lib.text import NO_CONTROL
from hq.web.request import origin
from tenants.columns import seal, unseal
from tenants.models import User

NOT_ACCEPTED = "This passkey or security key was not accepted."


class FactorsAdapter(DefaultMFAAdapter):
    """Names and the picture of the seed. Sealing is not done by its hooks, which see less: see tenants.columns."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right, or it was used before.",
        "cannot_generate_recovery_codes": "Recovery codes come with an app or a key. Add one first.",
        "unverified_email": "Confirm every e-mail address of your account first.",
    }

    def build_totp_svg(self, url: str) -> SafeString:
        """A picture without styles of its own, which our policy would refuse."""
        code = qrcode.QRCode(border=0)
        code.add_data(url)
        matrix = code.get_matrix()
        path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark)
        return format_html(
            '<svg class="hq-qr" viewBox="0 0 {0} {0}" role="img" aria-label="QR code for an authenticator app"'
            ' shape-rendering="crispEdges"><path d="{1}"></path></svg>',
            len(matrix),
            path,
        )

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """By the address that HQ is configured with, never by what a request calls it."""
        return {"id": urlsplit(settings.BASE_URL).hostname or "", "name": "HQ"}


# ---- codes


def _spent_key(user: User, code: str) -> str:
    return f"hq.mfa.spent:{user.pk}:{normalize_user_code(code)}"


def _spend(user: User, code: str) -> bool:
    """True the first time. allauth forgets a used code before its acceptance ends, and the first one altogether."""
    seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 2)
    return bool(cache.add(_spent_key(user, code), 1, timeout=seconds))


class _CodeOnce(BaseAuthenticateForm):
    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="From your authenticator app, or a recovery code.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )

    def clean_code(self) -> str:
        if cache.get(_spent_key(self.user, self.cleaned_data["code"])):
            check_rate_limit(self.user)
            self._refuse()
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP and not _spend(self.user, code):
            self._refuse()
        return code

    def _refuse(self) -> None:
        main = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.TOTP).first()
        if main is not None:
            self._emit_authentication_failed(main)
        raise FactorsAdapter().validation_error("incorrect_code")


class EnterCode(_CodeOnce, AuthenticateForm):
    """The second step of signing in."""


class ReenterCode(_CodeOnce, ReauthenticateForm):
    """Showing once more that it is they."""


class ActivateApp(ActivateTOTPForm):
    """Adding an authenticator app. allauth keeps the new seed in the session as it is; here it is sealed there."""

    code = forms.CharField(
        label="Code from the app",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        kept = session.get(SECRET_SESSION_KEY)
        super().__init__(*args, **kwargs)
        aad = b"session\0mfa.totp.secret\0" + PLATFORM_ID.bytes + self.user.pk.bytes
        if self.is_bound and kept:
            self.secret = unseal(kept, aad).decode()
        session[SECRET_SESSION_KEY] = seal(self.secret.encode(), aad)

    @property
    def typed_secret(self) -> str:
        """In fours, as it is typed from the screen."""
        return " ".join(self.secret[start : start + 4] for start in range(0, len(self.secret), 4))

    def clean_code(self) -> str:
        code: str = super().clean_code()
        if not _spend(self.user, code):
            raise FactorsAdapter().validation_error("incorrect_code")
        return code


# ---- passkeys and security keys


def _refuse_foreign(credential: Any) -> None:
    """The browser says where it was asked; the signature covers it. Raises ValidationError unless it was here."""
    base = urlsplit(settings.BASE_URL)
    try:
        client = json.loads(websafe_decode(credential["response"]["clientDataJSON"]))
        here = client["origin"] == f"{base.scheme}://{base.netloc}" and not client.get("crossOrigin")
    except (AttributeError, KeyError, TypeError, ValueError):
        here = False
    if not here:
        raise ValidationError(NOT_ACCEPTED)


class _Credential(forms.JSONField):
    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError:
            raise ValidationError(NOT_ACCEPTED) from None


class AddKey(AddWebAuthnForm):
    credential = _Credential(error_messages={"required": NOT_ACCEPTED, "invalid": NOT_ACCEPTED})
    name = forms.RegexField(
        NO_CONTROL, label="Name", max_length=60, required=False, help_text="To tell it from others."
    )
    passwordless = forms.BooleanField(
        label="Sign in with it alone",
        required=False,
        initial=True,
        help_text="A passkey: it asks for your fingerprint, face or PIN, and needs no password. Without this it is a "
        "security key, asked for after the password.",
    )

    field_order = ["name", "passwordless", "credential"]

    def clean_credential(self) -> Any:
        credential = self.cleaned_data["credential"]
        _refuse_foreign(credential)
        return credential

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # bytes that are no credential at all
            raise ValidationError(NOT_ACCEPTED) from error
        return cleaned


class RenameKey(EditWebAuthnForm):
    name = forms.RegexField(NO_CONTROL, label="Name", max_length=60)


class _KeyHere(AuthenticateWebAuthnForm):
    """Whatever was wrong with it, it is said alike, so that no account is told from none."""

    credential = _Credential(error_messages={"required": NOT_ACCEPTED, "invalid": NOT_ACCEPTED})

    def clean_credential(self) -> Authenticator:
        try:
            _refuse_foreign(self.cleaned_data["credential"])
            return super().clean_credential()
        except ValidationError as error:
            if getattr(error, "code", None) == "too_many_login_attempts":
                raise
            self._refused(error)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # bytes that are no credential at all
            self._refused(error)

    def _refused(self, error: Exception) -> None:
        who = self.user.pk if self.user else None
        recorder.record_person(
            PersonTag.FACTOR_REFUSED,
            person_id=who,
            origin=origin(context.request),
            target_id=Authenticator.Type.WEBAUTHN,
        )
        raise ValidationError(NOT_ACCEPTED) from error


class UseKey(_KeyHere):
    """The second step of signing in."""


class UsePasskey(_KeyHere, LoginWebAuthnForm):
    """Signing in with nothing else."""


class ReuseKey(_KeyHere, ReauthenticateWebAuthnForm):
    """Showing once more that it is they."""
