"""E-mail addresses in one spelling, so that two are the same mailbox exactly when they are the same text."""

import re
from string import ascii_lowercase, ascii_uppercase

import idna

MOST_CHARACTERS = 254  # RFC 5321, as errata 1690 counts
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# Not str.lower: the Kelvin sign becomes a k by it, and is none.
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def spell_domain(name: str) -> str | None:
    """A domain in lower case and ASCII (IDNA 2008), or None if it is none.

    Nothing is mapped: a letter that only looks like another one, or is a wide form of it, is no letter of a domain.
    """
    text = name.translate(_LOWER)
    if not text.isascii():
        try:
            text = idna.encode(text, strict=True).decode("ascii")
        except idna.IDNAError:
            return None
    labels = text.split(".")
    fits = len(text) <= 253 and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
    return text if fits and not labels[-1].isdigit() else None


def spell_address(address: str) -> str | None:
    """An address in its one spelling, or None if it is not one that HQ takes from an identity provider.

    One @, an unquoted local part in ASCII. Others exist, and nobody can tell them apart by looking.
    """
    local, at, name = address.translate(_LOWER).partition("@")
    domain = spell_domain(name)
    if not at or domain is None or len(local) > 64 or not _LOCAL.fullmatch(local):
        return None
    spelled = f"{local}@{domain}"
    return spelled if len(spelled) <= MOST_CHARACTERS else None


def domain_of(address: str) -> str | None:
    """The domain of an address, or None if it is not one that `spell_address` takes."""
    spelled = spell_address(address)
    return spelled.partition("@")[2] if spelled else None
