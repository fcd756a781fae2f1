"""Keys of low order, and signatures that hold under them though nobody has a secret: what the guard is there for."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELD = 2**255 - 19
# Every encoding of a point whose order divides 8, as OpenSSL reads it: sign of x | y, also where y is not reduced.
LOW_ORDER = [
    bytes.fromhex(key)
    for key in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
]
SECOND_SPELLINGS = [
    bytes.fromhex(key)
    for key in (
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
]
NOBODY_S_KEYS = LOW_ORDER + SECOND_SPELLINGS


def forged(public: bytes, message: bytes) -> bytes | None:
    """A signature that OpenSSL accepts under a key of low order, made without a secret. Some messages have none.

    S is zero, so R has to be -hA, which is one of eight points.
    """
    key = Ed25519PublicKey.from_public_bytes(public)
    for point in LOW_ORDER:
        try:
            key.verify(point + bytes(32), message)
        except InvalidSignature:
            continue
        return point + bytes(32)
    return None
