"""What HQ asks of allauth where somebody comes by another provider: who counts as known, who as new."""

import logging
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import DisconnectForm
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import get_random_string

from hq.lib.errors import NotFound
from hq.web.fresh import ask_for, proof_of
from hq.web.request import TenantRequest
from tenants.adapters.providers import KINDS, Provider
from tenants.models import User

log = logging.getLogger("hq.tenants")


class NoSuchProvider(NotFound, ValueError):
    """There is nothing here that you can see.

    A ValueError too: allauth then gives up a sign-in that waits for a second factor, instead of failing at each page.
    """


class SignInAdapter(DefaultSocialAccountAdapter):
    """Only the environment names providers, never a row, never an address. No account is linked by its address."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        return [
            SocialApp(provider=own["kind"], provider_id=name, client_id=own["client_id"], name=own["title"])
            for name, own in settings.SIGN_IN_PROVIDERS.items()
            if provider in {None, name}
        ]

    def list_providers(self, request: HttpRequest) -> list[Provider]:
        return [KINDS[app.provider](request, app) for app in self.list_apps(request)]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist as error:
            raise NoSuchProvider from error

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        app = self.get_app(request, provider, client_id)
        return KINDS[app.provider](request, app)

    def is_email_verified(self, provider: Any, email: str) -> bool:
        """Nothing is verified but what the provider itself said of this very address."""
        return False

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        return False

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = data.get("name") or ""
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Before somebody is signed in, linked or made an account for."""
        if sociallogin.state.get("process") == "connect":
            _demand_proof(request)
        elif not sociallogin.is_existing:
            _judge_newcomer(request, sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        if not any(address.verified for address in sociallogin.email_addresses):
            # As `send_account_already_exists_mail` does: the time must not tell whether the address has an account.
            make_password(get_random_string(12))
        saved: User = super().save_user(request, sociallogin, form)
        return saved

    def validate_disconnect(self, account: SocialAccount, accounts: QuerySet[SocialAccount]) -> None:
        """Accounts at providers that are not offered any more, or are an organization's, are no way in of one's own."""
        others = accounts.filter(provider__in=settings.SIGN_IN_PROVIDERS).exclude(pk=account.pk)
        passkey = is_mfa_enabled(account.user, [Authenticator.Type.WEBAUTHN])
        if not others.exists() and not account.user.has_usable_password() and not passkey:
            raise self.validation_error("no_password")

    def on_authentication_error(self, request: HttpRequest, provider: Any, **about: Any) -> None:
        log.warning("sign-in refused", extra={"provider": provider.sub_id, "reason": type(about["exception"]).__name__})


class OwnAccounts(DisconnectForm):
    """What a person connected themselves; an organization's connection is the organization's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts: QuerySet[SocialAccount] = self.accounts.filter(provider__in=settings.SIGN_IN_PROVIDERS)
        self.fields["account"].queryset = self.accounts


def _demand_proof(request: HttpRequest) -> None:
    """Whoever finds a browser open must not add their own account as a way in. Raises NotFresh."""
    if request.user.is_authenticated and not (proof := proof_of(cast("TenantRequest", request))).fresh:
        raise ImmediateHttpResponse(ask_for(proof))


def _judge_newcomer(request: HttpRequest, login: SocialLogin) -> None:
    """Say what to do to who brings no address, and to who owns one that has an account.

    Of an address that the provider does not vouch for nothing may be told: there allauth sends a mail to it, and shows
    the same page whether there is an account or not.
    """
    if not login.email_addresses:
        raise ImmediateHttpResponse(_page(request, login, "no_address"))
    address = login.email_addresses[0]
    if address.verified and EmailAddress.objects.filter(email=address.email).exists():
        raise ImmediateHttpResponse(_page(request, login, "known_address"))


def _page(request: HttpRequest, login: SocialLogin, name: str) -> HttpResponse:
    context = {"provider": login.provider, "addresses": login.email_addresses}
    return render(request, f"socialaccount/{name}.html", context, status=409)
