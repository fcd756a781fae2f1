"""What people read of keepers of CMKs: what they are called, and why one of their keys cannot be used."""

from datetime import datetime
from typing import NamedTuple

from keys.providers.base import Gone, KeyDisabled, KeyPendingDeletion, NoSuchKey, ProviderError

KEPT_IN = {"embedded": "HQ’s own key store", "kms": "AWS KMS"}


class Custody(NamedTuple):
    """Whose key it is and where. `delete_at` is set if HQ itself scheduled its deletion."""

    kept_in: str
    customer_owned: bool
    delete_at: datetime | None
    platform: bool = False


def why_unusable(error: ProviderError, custody: Custody) -> str:
    """The sentences for a page or an answer: which key, where, what is the matter, who can do what about it."""
    key = "This deployment's own key" if custody.platform else "This organization's key"
    place = KEPT_IN.get(custody.kept_in, custody.kept_in)
    keeper = "whoever owns it in AWS" if custody.customer_owned else "whoever runs this deployment"
    match error:
        case KeyDisabled():
            return (
                f"{key} is disabled in {place}, so nothing under it can be read. When {keeper} enables it, HQ goes on"
                " by itself."
            )
        case KeyPendingDeletion() if custody.delete_at is not None:
            return (
                f"{key} is scheduled for deletion on {custody.delete_at:%-d %B %Y, %H:%M} UTC, so nothing under it"
                " can be read. Until then an owner or an admin can cancel that."
            )
        case KeyPendingDeletion():
            return (
                f"{key} is scheduled for deletion in {place}, so nothing under it can be read. Until it is due,"
                f" {keeper} can cancel that and enable the key; HQ then goes on by itself."
            )
        case Gone():
            return f"{key} has been destroyed. What was encrypted under it can never be read again."
        case NoSuchKey():
            return (
                f"{place} knows no such key, so nothing under it can be read. It was deleted, or HQ asks in another"
                " region or account."
            )
    return f"{key} cannot be used at the moment, so nothing under it can be read. {error}"
