"""What HQ asks of allauth where an organization's own provider says who somebody is."""

from typing import Any

from allauth.socialaccount.models import SocialApp, SocialLogin
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from directory.actions import admission
from directory.adapters.oidc import OidcProvider
from directory.adapters.provider import SsoProvider, app_of
from directory.adapters.saml import SamlProvider
from directory.adapters.workos import WorkOsProvider
from directory.selectors import sso
from directory.selectors.sso import PREFIX, Connection, Protocol
from hq.web.request import origin
from tenants.adapters.social import NoSuchProvider, SignInAdapter

PROTOCOLS: dict[str, type[SsoProvider]] = {
    Protocol.OIDC: OidcProvider,
    Protocol.SAML: SamlProvider,
    Protocol.WORKOS: WorkOsProvider,
}


class SocialAdapter(SignInAdapter):
    """Besides what everybody may use: a connection, found by its own name only, and never listed."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """For the exact name of an active connection, that one."""
        if provider and provider.startswith(PREFIX):
            connection = sso.find_provider(provider)
            return [app_of(connection)] if connection else []
        return super().list_apps(request, provider, client_id)

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
        return super().is_email_verified(provider, email)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Whom a connection names is judged, and has an account, a link and a membership after this."""
        provider = sociallogin.provider
        if not isinstance(provider, SsoProvider):
            super().pre_social_login(request, sociallogin)
            return
        account = admission.admit(connection=provider.connection, identity=sociallogin.identity, origin=origin(request))
        sociallogin.account, sociallogin.user = account, account.user
        # allauth signs whoever is here out first; what other organizations' providers said of the same person stays.
        kept = request.session.get("hq.sso", {}) if request.user == account.user else {}
        sociallogin.state["hq.sso"] = kept | provider.facts(sociallogin.identity)
