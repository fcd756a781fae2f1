"""What HQ asks of allauth where others say who somebody is: connections of organizations, Google."""

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import DisconnectForm
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest

from directory.actions import admission
from directory.adapters.provider import SsoProvider, app_of
from directory.adapters.saml import SamlProvider
from directory.selectors import sso
from directory.selectors.sso import PREFIX, Connection, Protocol
from hq.lib.errors import NotFound
from hq.web.request import origin

PROTOCOLS: dict[str, type[SsoProvider]] = {Protocol.SAML: SamlProvider}


class NoSuchProvider(NotFound, ValueError):
    """There is nothing here that you can see.

    A ValueError too: allauth then gives up a sign-in that waits for a second factor, instead of failing at each page.
    """


class SocialAdapter(DefaultSocialAccountAdapter):
    """A provider that is not configured is no page; a connection is found by its own name only, and never listed."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """From settings; for the exact name of an active connection, that one. Never a row of SocialApp."""
        if provider and provider.startswith(PREFIX):
            connection = sso.find_provider(provider)
            return [app_of(connection)] if connection else []
        apps = super().list_apps(request, provider=provider, client_id=client_id)
        return [app for app in apps if app.pk is None]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist as error:
            raise NoSuchProvider from error

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        if not provider.startswith(PREFIX):
            return super().get_provider(request, provider, client_id)
        connection = sso.find_provider(provider)
        if connection is None:
            raise NoSuchProvider
        return self.provider_of(request, connection)

    def provider_of(self, request: HttpRequest, connection: Connection) -> SsoProvider:
        """Also for one that is not active: what it may do then, `SsoProvider` says."""
        return PROTOCOLS[connection.protocol](request, connection)

    def serialize_instance(self, instance: Any) -> dict[str, Any]:
        """A sign-in that waits for a second factor keeps whose it is; what is sealed of them does not go along."""
        if isinstance(instance, get_user_model()) and not instance._state.adding:  # noqa: SLF001 - Django's own name
            return {"id": str(instance.pk)}
        return dict(super().serialize_instance(instance))

    def is_email_verified(self, provider: Any, email: str) -> bool:
        if isinstance(provider, SsoProvider):
            return sso.vouches(provider.connection, email)
        return bool(super().is_email_verified(provider, email))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Whom a connection names is judged, and has an account, a link and a membership after this."""
        provider = sociallogin.provider
        if not isinstance(provider, SsoProvider):
            return
        account = admission.admit(connection=provider.connection, identity=sociallogin.identity, origin=origin(request))
        sociallogin.account, sociallogin.user = account, account.user
        # allauth signs whoever is here out first; what other organizations' providers said of the same person stays.
        kept = request.session.get("hq.sso", {}) if request.user == account.user else {}
        sociallogin.state["hq.sso"] = kept | provider.facts(sociallogin.identity)


class OwnAccounts(DisconnectForm):
    """A person takes away what they connected themselves; an organization's connection is the organization's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts: QuerySet[SocialAccount] = self.accounts.exclude(provider__startswith=PREFIX)
        self.fields["account"].queryset = self.accounts
