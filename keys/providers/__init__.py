"""Who keeps CMKs. A provider's name stands in the row of each CMK."""

from keys.providers.base import (
    Gone,
    InvalidWrapping,
    KeyDescription,
    KeyDisabled,
    KeyPendingDeletion,
    KeyProvider,
    KeyState,
    NoSuchKey,
    NotAllowed,
    PlainKey,
    ProviderError,
    ProviderUnavailable,
    Throttled,
)
from keys.providers.embedded import EmbeddedProvider

__all__ = [
    "DEFAULT",
    "Gone",
    "InvalidWrapping",
    "KeyDescription",
    "KeyDisabled",
    "KeyPendingDeletion",
    "KeyProvider",
    "KeyState",
    "NoSuchKey",
    "NotAllowed",
    "PlainKey",
    "ProviderError",
    "ProviderUnavailable",
    "Throttled",
    "provider",
]

DEFAULT = "embedded"


def provider(name: str) -> KeyProvider:
    """The provider of that name, by the present settings. Raises ProviderError."""
    if name == "embedded":
        return EmbeddedProvider.from_settings()
    raise ProviderError(f"There is no key provider named {name}.")
