"""What an identity provider says of itself: SAML 2.0 metadata, as an admin uploads it (saml-metadata-2.0-os)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from lxml import etree

from hq.crypto.certificates import BadCertificate, Certificate, read_certificate
from hq.lib.clock import now
from hq.lib.errors import Invalid

MOST_BYTES: Final = 256 * 1024
MOST_CERTIFICATES: Final = 2
LONGEST_ADDRESS: Final = 2000
LONGEST_ENTITY_ID: Final = 1024  # section 8.3.6 of the core specification

_MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
_HOSTS_OF_THIS_MACHINE: Final = {"127.0.0.1", "localhost", "::1"}


class NotMetadata(Invalid):
    """This is not the metadata of a SAML identity provider."""


class NotUsable(Invalid):
    """HQ cannot trust an identity provider by this."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Whom answers come from, where people are sent, and the one or two certificates that may sign."""

    entity_id: str
    sso_url: str
    certificates: tuple[Certificate, ...]


def parse_metadata(document: bytes, *, plaintext_loopback: bool = False) -> IdentityProvider:
    """Read metadata. Nothing that it names is fetched.

    `plaintext_loopback`: people may be sent to http:// on this machine itself.

    Raises:
        NotMetadata: it is something else.
        NotUsable: it is metadata, and says something that HQ cannot work with.
    """
    entity = _entity(_tree(document))
    role = _role(entity)
    return IdentityProvider(
        entity_id=check_entity_id(entity.get("entityID") or ""),
        sso_url=check_sso_url(_sign_on(role), plaintext_loopback=plaintext_loopback),
        certificates=check_certificates(_signing(role)),
    )


# ---- reading


def _tree(document: bytes) -> etree._Element:
    """Parsed with nothing resolved, loaded or looked up. What has a document type is refused, whatever it declares."""
    if not document.strip():
        raise NotMetadata("The file is empty.")
    if len(document) > MOST_BYTES:
        raise NotMetadata(f"Metadata has at most {MOST_BYTES // 1024} KiB. This is larger.")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotMetadata("This is not XML, so it is no metadata. Download the file again.") from error
    if root.getroottree().docinfo.doctype:
        raise NotMetadata("The file has a document type declaration. Metadata has none, and HQ reads none.")
    return root


def _entity(root: etree._Element) -> etree._Element:
    """The one provider in it, also where it stands in a list of entities."""
    if root.tag == f"{_MD}EntityDescriptor":
        return root
    if root.tag != f"{_MD}EntitiesDescriptor":
        raise NotMetadata
    found = [entity for entity in root.iter(f"{_MD}EntityDescriptor") if _roles(entity)]
    if len(found) != 1:
        raise NotMetadata(
            f"The file lists {len(found)} identity providers. Give the metadata of yours alone."
            if found
            else "The file lists entities, and none of them is an identity provider."
        )
    return found[0]


def _roles(entity: etree._Element) -> list[etree._Element]:
    return [
        role
        for role in entity.findall(f"{_MD}IDPSSODescriptor")
        if _PROTOCOL in (role.get("protocolSupportEnumeration") or "").split()
    ]


def _role(entity: etree._Element) -> etree._Element:
    roles = _roles(entity)
    if not roles and entity.find(f"{_MD}SPSSODescriptor") is not None:
        raise NotMetadata("This describes a service provider such as HQ. Give the metadata of the identity provider.")
    if not roles:
        raise NotMetadata("This describes no identity provider that speaks SAML 2.0.")
    if len(roles) > 1:
        raise NotMetadata("This describes the identity provider twice. Which of the two counts is not to be guessed.")
    for part in (entity, roles[0]):
        _check_still_good(part.get("validUntil"))
    return roles[0]


def _check_still_good(until: str | None) -> None:
    if until is None:
        return
    try:
        ends = datetime.fromisoformat(until)
    except ValueError:
        raise NotUsable("The metadata says until when it is good, in a way that cannot be read.") from None
    if ends.tzinfo is None or ends < now():
        raise NotUsable(f"The metadata was good until {until} only. Download it again.")


def _sign_on(role: etree._Element) -> str:
    services = role.findall(f"{_MD}SingleSignOnService")
    for service in services:
        if service.get("Binding") == _REDIRECT:
            return service.get("Location") or ""
    raise NotUsable(
        "The metadata names no sign-on address for HTTP-Redirect. Switch that binding on at the provider."
        if services
        else "The metadata names no sign-on address."
    )


def _signing(role: etree._Element) -> list[str]:
    """The certificates for signing. A key without a use has both (section 2.4.1.1)."""
    return [
        certificate.text or ""
        for key in role.findall(f"{_MD}KeyDescriptor")
        if key.get("use") in {None, "signing"}
        for certificate in key.iter(f"{_DS}X509Certificate")
    ]


# ---- judging, also what was typed by hand


def check_entity_id(text: str) -> str:
    """Raises NotUsable."""
    entity_id = text.strip()
    if not entity_id:
        raise NotUsable("The provider’s entity ID is missing.")
    if len(entity_id) > LONGEST_ENTITY_ID or not entity_id.isprintable() or " " in entity_id:
        raise NotUsable("This is not an entity ID. It is an address such as https://id.example.com/saml, or a URN.")
    return entity_id


def check_sso_url(text: str, *, plaintext_loopback: bool = False) -> str:
    """Where browsers are sent: over TLS. Raises NotUsable."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and "#" not in url
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable or not url.isprintable() or " " in url or "\\" in url or len(url) > LONGEST_ADDRESS:
        raise NotUsable("The sign-on address is not an address that people can be sent to.")
    here = plaintext_loopback and parts.scheme == "http" and parts.hostname in _HOSTS_OF_THIS_MACHINE
    if parts.scheme != "https" and not here:
        raise NotUsable("The sign-on address has to begin with https://.")
    return url


def check_certificates(texts: list[str]) -> tuple[Certificate, ...]:
    """One or two that are good now or will be, each once. Those that are over are left out, if another is not.

    Raises:
        NotUsable: there is none, too many, or one that cannot be trusted.
    """
    try:
        found = {each.fingerprint: each for each in map(read_certificate, texts)}
    except BadCertificate as error:
        raise NotUsable(str(error)) from error
    if not found:
        raise NotUsable("There is no certificate for signing.")
    good = [each for each in found.values() if each.expires_at > now()]
    if not good:
        last = max(each.expires_at for each in found.values())
        raise NotUsable(f"The certificate expired on {last:%-d %B %Y}. Make a new one at the provider first.")
    if len(good) > MOST_CERTIFICATES:
        raise NotUsable(
            f"There are {len(good)} certificates for signing, and HQ keeps two. Retire the old ones at the provider."
        )
    return tuple(good)
