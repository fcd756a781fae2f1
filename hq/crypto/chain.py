"""The hash chain of a trail, as pure functions. Everything here can be computed again with `sha256sum` alone.

    document digest = SHA-256(document)
    link            = SHA-256("hq-audit-link-v1" 00 | previous link, 32 bytes | document digest, 32 bytes)
    commitment      = SHA-256("hq-audit-detail-v1" 00 | salt, 32 bytes | detail)

The labels are ASCII, followed by one zero byte. Every part but the last has a fixed length, so no two different inputs
give the same bytes, and the labels keep a link from ever being taken for a commitment. A link takes the digest of its
document, so a chain can be verified from digests where the documents themselves may not be shown.
"""

from hashlib import sha256

DIGEST_BYTES = 32
SALT_BYTES = 32
GENESIS = bytes(DIGEST_BYTES)  # The link before the first event: 32 zero bytes.

_LINK = b"hq-audit-link-v1\x00"
_DETAIL = b"hq-audit-detail-v1\x00"


def link(previous: bytes, document: bytes) -> bytes:
    """Chain a document (the canonical bytes of an event) to the link before it; the first to `GENESIS`. 32 bytes.

    Raises:
        ValueError: `previous` is not 32 bytes long.
    """
    return link_digest(previous, sha256(document).digest())


def link_digest(previous: bytes, document_digest: bytes) -> bytes:
    """Do as `link` does, knowing only the SHA-256 of the document.

    Raises:
        ValueError: one of the two is not 32 bytes long.
    """
    if len(previous) != DIGEST_BYTES or len(document_digest) != DIGEST_BYTES:
        raise ValueError("A link and a document digest have 32 bytes each.")
    return sha256(_LINK + previous + document_digest).digest()


def commitment(salt: bytes, detail: bytes) -> bytes:
    """Stand in for a detail (canonical bytes) that may have to be erased while the chain stays whole. 32 bytes.

    The salt is 32 random bytes, kept and erased with the detail: without it a short detail could be guessed.

    Raises:
        ValueError: the salt is not 32 bytes long.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError("The salt of a commitment has 32 bytes.")
    return sha256(_DETAIL + salt + detail).digest()
