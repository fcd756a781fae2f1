"""SAML 2.0: asking an identity provider, and judging its answer (ACC-4).

python3-saml checks the signature and the schema. What it lets through is refused in `saml_checks`.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from lxml.etree import LxmlError
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from directory import store
from directory.actions.admission import Identity, SsoRefused
from directory.adapters.provider import AnswerRefused, Asked, SsoProvider
from directory.adapters.saml_checks import Expected, check_algorithms, check_assertion, identify
from directory.selectors.sso import Connection

MOST_BYTES: Final = 256 * 1024
HANDOVER_SECONDS: Final = 60
# What the browser brings to `finish` if the answer was refused and somebody is trying the connection.
REFUSED: Final = "refused"


def our_side(connection: Connection) -> dict[str, Any]:
    """What python3-saml is told of HQ, and how strict it is to be."""
    return {
        "strict": True,
        "sp": {
            "entityId": connection.address("metadata"),
            "assertionConsumerService": {"url": connection.address("acs"), "binding": Names.BINDING_HTTP_POST},
            "NameIDFormat": Names.NAMEID_UNSPECIFIED,
        },
        "security": {
            "allowRepeatAttributeName": True,  # groups; an address given twice is refused in saml_checks
            "allowSingleLabelDomains": True,
            "rejectDeprecatedAlgorithm": True,
            "requestedAuthnContext": False,
            "wantAssertionsSigned": True,
            "wantAttributeStatement": False,
            "wantNameId": True,
        },
    }


def their_side(config: Mapping[str, Any]) -> dict[str, Any]:
    """What it is told of the provider: values that were checked when they were saved. No address is fetched from."""
    return {
        "entityId": config["entity_id"],
        "singleSignOnService": {"url": config["sso_url"], "binding": Names.BINDING_HTTP_REDIRECT},
        "x509certMulti": {"signing": config["certificates"]},
    }


class SamlProvider(SsoProvider):
    """A connection that speaks SAML.

    The answer is posted from the provider's site, so the session's cookie does not come with it. It is judged at once;
    what it says waits, sealed, for the browser to come back by itself, with the cookie of the session that asked.
    """

    def ask(self) -> Asked:
        request = OneLogin_Saml2_Authn_Request(self._settings())
        sso_url = self.connection.config["sso_url"]
        joint = "&" if urlsplit(sso_url).query else "?"
        return Asked(f"{sso_url}{joint}{urlencode({'SAMLRequest': request.get_request()})}", request.get_id())

    def receive(self) -> HttpResponse:
        try:
            kept = self._judge(self.request)
        except SsoRefused as refusal:
            if not store.expects_test(self.connection.id):
                raise
            kept = {REFUSED: str(refusal)}
        token = store.hold(kept | {"connection": str(self.connection.id)}, seconds=HANDOVER_SECONDS)
        return HttpResponseRedirect(f"{self.connection.address('finish')}?{urlencode({'answer': token})}")

    def finish(self) -> HttpResponse:
        """The browser has come by itself, with its session. Raises SsoRefused."""
        kept = store.take(self.request.GET.get("answer", ""))
        if kept is None or kept["connection"] != str(self.connection.id):
            raise AnswerRefused("The answer was used already, or belongs to another connection.")
        try:
            state = self._state_of(kept)
        except AnswerRefused as refusal:
            if (response := self.tell_tester(refusal)) is not None:
                return response
            raise
        return self.enter(state, Identity(**kept["identity"] | {"groups": frozenset(kept["identity"]["groups"])}))

    def _state_of(self, kept: dict[str, Any]) -> dict[str, Any]:
        if REFUSED in kept:
            raise AnswerRefused(kept[REFUSED])
        return self.resume(kept["request_id"])

    def metadata(self) -> bytes:
        """Our side, for a provider that reads metadata; theirs need not be known yet."""
        ours = OneLogin_Saml2_Settings(our_side(self.connection), sp_validation_only=True)
        text: str | bytes = ours.get_sp_metadata()
        return text if isinstance(text, bytes) else text.encode()

    def _settings(self) -> OneLogin_Saml2_Settings:
        try:
            return OneLogin_Saml2_Settings(our_side(self.connection) | {"idp": their_side(self.connection.config)})
        except (OneLogin_Saml2_Error, KeyError) as error:
            raise AnswerRefused(f"The connection is not complete: {error}") from error

    def _judge(self, request: HttpRequest) -> dict[str, Any]:
        """Everything that can be said of the answer without knowing whose browser brings it."""
        answer = _parse(self._settings(), _posted(request))
        check_algorithms(answer.document)
        if not answer.is_valid(_where(self.connection)):
            raise AnswerRefused(str(answer.get_error()))
        ours = Expected(
            acs=self.connection.address("acs"),
            audience=self.connection.address("metadata"),
            issuer=self.connection.config["entity_id"],
        )
        checked = check_assertion(answer.document, ours)
        identity = identify(answer, self.connection.config.get("attributes") or {})
        once = f"{self.connection.id}\n{checked.id}"
        if not store.first_time("assertion", once, seconds=checked.seconds):
            raise AnswerRefused("This assertion was used before.")
        return {"request_id": checked.request_id, "identity": identity}


def _posted(request: HttpRequest) -> str:
    """The answer as it was posted. A large one is refused before anything of it is read."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise AnswerRefused("The answer is too large.")
    return request.POST.get("SAMLResponse", "")


def _parse(ours: OneLogin_Saml2_Settings, text: str) -> OneLogin_Saml2_Response:
    """No DTD, no entities: the parser refuses both. Encrypted assertions need a key, and there is none."""
    try:
        return OneLogin_Saml2_Response(ours, text)
    except (LxmlError, ValueError, OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError) as error:
        raise AnswerRefused(f"The answer could not be read ({type(error).__name__}).") from error


def _where(connection: Connection) -> dict[str, str]:
    """Where the answer came in, by what HQ is configured with."""
    address = urlsplit(connection.address("acs"))
    return {"https": "on" if settings.SECURE else "off", "http_host": address.netloc, "script_name": address.path}
