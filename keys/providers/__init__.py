"""Who keeps CMKs. A provider's name stands in the row of each CMK."""

from uuid import UUID

from django.conf import settings

from keys.providers.base import (
    REFUSALS,
    Finding,
    Gone,
    InvalidWrapping,
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
    "REFUSALS",
    "Finding",
    "Gone",
    "InvalidWrapping",
    "KeyDisabled",
    "KeyPendingDeletion",
    "KeyState",
    "NoSuchKey",
    "NotAllowed",
    "PlainKey",
    "ProviderError",
    "ProviderUnavailable",
    "Throttled",
    "default_provider",
    "examine_key",
    "provider",
]


def default_provider() -> str:
    """The name of the provider that makes new CMKs. Those that exist stay where they are."""
    name: str = settings.KEY_PROVIDER
    return name


def provider(name: str) -> KeyProvider:
    """The provider of that name, by the present settings. Raises ProviderError."""
    if name == "embedded":
        return EmbeddedProvider.from_settings()
    if name == "kms":
        from keys.providers.kms import KmsProvider  # takes a while: who keeps keys embedded need not wait for it

        return KmsProvider.from_settings()
    raise ProviderError(f"There is no key provider named {name}.")


def examine_key(ref: str, organization_id: UUID) -> list[Finding]:
    """Whether an organization may bring this KMS key as its own. Changes nothing. Raises ProviderUnavailable."""
    from keys.providers.kms import KmsProvider
    from keys.providers.kms_examine import examine

    return examine(KmsProvider.from_settings(), ref, str(organization_id))
