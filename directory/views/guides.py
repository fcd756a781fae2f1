"""What to enter at each identity provider, in its own words, and what it gives back.

The words are those of the providers' own pages; where they were read is named beside each kind. They change now and
then: nothing rests on them but how easily somebody finds the field.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from directory.models import SsoConnection
from directory.selectors.sso import Connection

Kind, Protocol = SsoConnection.Kind, SsoConnection.Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What to do at one kind of provider.

    `paste`: a field there, and which of our addresses goes in. `choose`: a setting there, and what to choose. `send`:
    what is to be sent, and under which name. `names`: what is then read as what.
    """

    where: str
    paste: tuple[tuple[str, str], ...]
    choose: tuple[tuple[str, str], ...] = ()
    send: tuple[tuple[str, str], ...] = ()
    send_where: str = ""
    back: str
    issuer: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


_NAMES: Final = {"email": "email", "first_name": "firstName", "last_name": "lastName", "groups": "groups"}
_CLAIMS: Final = {"groups": "groups"}
_CLAIM: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

_SAML: Final = {
    # help.okta.com: Create SAML app integrations
    Kind.OKTA: Guide(
        where="In the Okta Admin Console: Applications › Applications › Create App Integration › SAML 2.0.",
        paste=(("Single sign-on URL", "acs"), ("Audience URI (SP Entity ID)", "metadata")),
        choose=(("Name ID format", "EmailAddress"), ("Application username", "Okta username")),
        send_where="Attribute Statements; groups under Group Attribute Statements, with the filter “Matches regex” .*",
        send=(
            ("user.email", "email"),
            ("user.firstName", "firstName"),
            ("user.lastName", "lastName"),
            ("Groups that match .*", "groups"),
        ),
        back="Sign On › Metadata details: copy the Metadata URL, or download what it shows.",
        names=_NAMES,
    ),
    # learn.microsoft.com: Enable SAML single sign-on for an enterprise application
    Kind.ENTRA: Guide(
        where="In the Microsoft Entra admin center: Enterprise applications › New application › Create your own"
        " application, then Single sign-on › SAML › Basic SAML Configuration.",
        paste=(
            ("Identifier (Entity ID)", "metadata"),
            ("Reply URL (Assertion Consumer Service URL)", "acs"),
            ("Sign on URL (Optional)", "start"),
        ),
        send_where="Attributes & Claims sends all that is needed. For roles by group: Add a group claim. Groups then"
        " come as object IDs.",
        back="SAML Certificates: copy the App Federation Metadata Url, or download the Federation Metadata XML.",
        names={
            "uid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
            "email": f"{_CLAIM}emailaddress",
            "first_name": f"{_CLAIM}givenname",
            "last_name": f"{_CLAIM}surname",
            "groups": "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
        },
    ),
    # support.google.com/a: Set up your own custom SAML app
    Kind.GOOGLE: Guide(
        where="In the Google Admin console: Apps › Web and mobile apps › Add app › Add custom SAML app.",
        paste=(("ACS URL", "acs"), ("Entity ID", "metadata")),
        choose=(
            ("Signed response", "leave it unticked"),
            ("Name ID format", "EMAIL"),
            ("Name ID", "Basic Information › Primary email"),
        ),
        send_where="Attributes; groups under Group membership (optional).",
        send=(
            ("Primary email", "email"),
            ("First name", "firstName"),
            ("Last name", "lastName"),
            ("Group membership", "groups"),
        ),
        back="Google Identity Provider details: Download metadata.",
        names=_NAMES,
    ),
    # onelogin.service-now.com: SAML Custom Connector (Advanced)
    Kind.ONELOGIN: Guide(
        where="In OneLogin: Applications › Add App › SAML Custom Connector (Advanced) › Configuration.",
        paste=(
            ("Audience (EntityID)", "metadata"),
            ("Recipient", "acs"),
            ("ACS (Consumer) URL Validator", "acs-pattern"),
            ("ACS (Consumer) URL", "acs"),
            ("Login URL", "start"),
        ),
        choose=(
            ("SAML initiator", "Service Provider"),
            ("SAML nameID format", "Email"),
            ("SAML signature element", "Assertion"),
            ("SAML Signature Algorithm (tab SSO)", "SHA-256"),
        ),
        send_where="Parameters, each with “Include in SAML assertion”.",
        send=(
            ("Email", "email"),
            ("First Name", "firstName"),
            ("Last Name", "lastName"),
            ("User Roles (multi-value)", "groups"),
        ),
        back="More Actions › SAML Metadata.",
        names=_NAMES,
    ),
    # docs.pingidentity.com/pingfederate: Managing SP connections
    Kind.PINGFEDERATE: Guide(
        where="In PingFederate: Applications › Integration › SP Connections › Create Connection, with Browser SSO"
        " Profiles by SAML 2.0.",
        paste=(
            ("Partner’s Entity ID (Connection ID)", "metadata"),
            ("Assertion Consumer Service URL: Endpoint URL", "acs"),
        ),
        choose=(
            ("SAML Profiles", "SP-Initiated SSO"),
            ("Assertion Consumer Service URL: Binding", "POST"),
            ("Allowable SAML Bindings", "Redirect"),
            ("Signature Policy", "Always sign assertion"),
        ),
        send_where="Attribute Contract, beside SAML_SUBJECT.",
        send=(
            ("the address", "email"),
            ("the first name", "firstName"),
            ("the last name", "lastName"),
            ("the groups", "groups"),
        ),
        back="System › Protocol Metadata › Metadata Export.",
        names=_NAMES,
    ),
    Kind.OTHER: Guide(
        where="Make an application for SAML 2.0 at your provider. One that reads metadata takes all of it from the"
        " entity ID below, which is also an address.",
        paste=(("Assertion Consumer Service (ACS) URL", "acs"), ("Entity ID, or audience", "metadata")),
        choose=(("NameID", "persistent, or the e-mail address"), ("Signature", "of the assertion, with SHA-256")),
        send_where="Attributes of the assertion.",
        send=(
            ("the address", "email"),
            ("the first name", "firstName"),
            ("the last name", "lastName"),
            ("the groups", "groups"),
        ),
        back="Its metadata, as a file or an address.",
        names=_NAMES,
    ),
}

_OIDC: Final = {
    # help.okta.com: Create OpenID Connect app integrations
    Kind.OKTA: Guide(
        where="In the Okta Admin Console: Applications › Applications › Create App Integration › OIDC - OpenID Connect"
        " › Web Application.",
        paste=(("Sign-in redirect URIs", "callback"),),
        choose=(("Grant type", "Authorization Code"),),
        send_where="For roles by group: Sign On › OpenID Connect ID Token › Groups claim filter, with the filter"
        " “Matches regex” .*",
        send=(("Groups that match .*", "groups"),),
        back="General › Client Credentials: Client ID and Client secret. The issuer is the address of your Okta.",
        issuer="https://example.okta.com",
        names=_CLAIMS,
    ),
    # learn.microsoft.com: Register an application in Microsoft Entra ID
    Kind.ENTRA: Guide(
        where="In the Microsoft Entra admin center: App registrations › New registration.",
        paste=(("Redirect URI, for the platform Web", "callback"),),
        choose=(("Supported account types", "this organizational directory only"),),
        send_where="Token configuration: Add optional claim › ID › email. For roles by group: Add groups claim. Groups"
        " then come as object IDs.",
        back="Overview: Application (client) ID and Directory (tenant) ID. Certificates & secrets › New client secret:"
        " copy its Value, not its ID.",
        issuer="https://login.microsoftonline.com/DIRECTORY-ID/v2.0",
        names=_CLAIMS,
    ),
    # developers.google.com/identity: OpenID Connect
    Kind.GOOGLE: Guide(
        where="In the Google Cloud console: Google Auth Platform › Clients › Create client › Web application.",
        paste=(("Authorized redirect URIs", "callback"),),
        choose=(("Audience › User type", "Internal"),),
        send_where="Address and name come by themselves. Google sends no groups in this way; SAML does.",
        back="Client ID and Client secret.",
        issuer="https://accounts.google.com",
        names=_CLAIMS,
    ),
    # onelogin.service-now.com: OpenID Connect apps
    Kind.ONELOGIN: Guide(
        where="In OneLogin: Applications › Add App › OpenId Connect (OIDC) › Configuration.",
        paste=(("Redirect URI’s", "callback"), ("Login Url", "start")),
        choose=(("Application Type (tab SSO)", "Web"), ("Token Endpoint › Authentication Method", "POST or Basic")),
        send_where="For roles by group: Parameters › Groups, with a value such as User Roles.",
        send=(("Groups", "groups"),),
        back="SSO: Client ID, Client Secret and Issuer URL.",
        issuer="https://example.onelogin.com/oidc/2",
        names=_CLAIMS,
    ),
    # docs.pingidentity.com/pingfederate: Creating the client
    Kind.PINGFEDERATE: Guide(
        where="In PingFederate: Applications › OAuth › Clients › Add Client.",
        paste=(("Redirect URIs", "callback"),),
        choose=(
            ("Client Authentication", "Client Secret"),
            ("Allowed Grant Types", "Authorization Code"),
            ("ID Token Signing Algorithm", "RSA using SHA-256"),
        ),
        send_where="The OpenID Connect policy’s attribute contract.",
        send=(("the address", "email"), ("the name", "name"), ("the groups", "groups")),
        back="Client ID and Client Secret of this page. The issuer is the Base URL of your PingFederate.",
        issuer="https://sso.example.com",
        names=_CLAIMS,
    ),
    Kind.OTHER: Guide(
        where="Make a confidential web application for OpenID Connect at your provider.",
        paste=(("Redirect URI", "callback"),),
        choose=(("Grant type", "authorization code"), ("Scopes", "openid, profile, email")),
        send_where="Claims of the ID token or of userinfo.",
        send=(("the address", "email"), ("the name", "name"), ("the groups", "groups")),
        back="The issuer, the client ID and the client secret.",
        issuer="https://id.example.com",
        names=_CLAIMS,
    ),
}

# workos.com/docs/sso
_WORKOS: Final = Guide(
    where="In the WorkOS Dashboard: Redirects.",
    paste=(("Redirect URIs", "callback"),),
    send_where="Address, name and groups come with the profile.",
    back="Client ID and API key (API Keys), and the ID of your organization (org_…) or of one connection (conn_…).",
)


def guide_of(kind: str, protocol: str) -> Guide:
    """What to do at a provider of this kind."""
    if protocol == Protocol.WORKOS:
        return _WORKOS
    return (_SAML if protocol == Protocol.SAML else _OIDC)[Kind(kind)]


def pasted(guide: Guide, connection: Connection) -> list[tuple[str, str]]:
    """The fields there, each with the exact text that goes in."""
    return [(label, _value(connection, part)) for label, part in guide.paste]


def _value(connection: Connection, part: str) -> str:
    if part == "acs-pattern":
        return f"^{re.escape(connection.address('acs'))}$"
    return connection.address(part)
