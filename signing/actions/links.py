"""The link of a signer. It follows from a key of the tenant, so the same one can be mailed again, and is not kept.

Of it only the SHA-256 stands in the row. Another generation, and the old link opens nothing.
"""

from base64 import urlsafe_b64encode
from typing import Final

from django.conf import settings

from hq.crypto import kdf, secrets
from keys import selectors as keys
from signing.models import Agreement, Signer

PREFIX: Final = "hqg_"
_INFO: Final = b"hq signing link"


def give_link(agreement: Agreement, signer: Signer) -> None:
    """Give the signer a link, or another one; the row is not saved here. Raises KeyUnavailable."""
    signer.generation += 1
    signer.key_version = keys.capability_key(agreement.organization_id, agreement.environment_id).version
    signer.token_digest = secrets.digest(_token(agreement, signer))


def link_of(agreement: Agreement, signer: Signer) -> str:
    """The address to mail. Raises KeyUnavailable."""
    return f"{settings.BASE_URL}/sign/{_token(agreement, signer)}"


def _token(agreement: Agreement, signer: Signer) -> str:
    material = keys.capability_key(agreement.organization_id, agreement.environment_id, signer.key_version)
    key = kdf.derive(material.key, info=_INFO, salt=agreement.id.bytes + signer.id.bytes)
    made = secrets.keyed_digest(key, signer.generation.to_bytes(4, "big"))
    return PREFIX + urlsafe_b64encode(made).rstrip(b"=").decode()
