"""Slow hashes of secrets that are kept to be checked: Argon2id (RFC 9106)."""

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

# OWASP's first choice of parameters at 19 MiB: about 18 ms of one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)


def hash_secret(secret: str) -> str:
    """Hash a secret with a fresh salt, as a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$...`)."""
    return _HASHER.hash(secret.encode("utf-8", "surrogatepass"))


def verify_secret(hashed: str, secret: str) -> bool:
    """Tell whether the secret belongs to the hash. A hash that cannot be read belongs to no secret."""
    try:
        return _HASHER.verify(hashed, secret.encode("utf-8", "surrogatepass"))
    except (VerificationError, ValueError):  # ValueError: no hash at all.
        return False
