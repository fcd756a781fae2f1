"""Agreements, who signs them, what they filled in, and the chain of everything that was done."""

from signing.models.agreements import Agreement, Paper, Step, Template
from signing.models.batches import Batch
from signing.models.doors import Code, Passkey, SignerSession
from signing.models.seals import Brand, SealKey, SealRoot
from signing.models.signers import Field, Signer

__all__ = [
    "Agreement",
    "Batch",
    "Brand",
    "Code",
    "Field",
    "Paper",
    "Passkey",
    "SealKey",
    "SealRoot",
    "Signer",
    "SignerSession",
    "Step",
    "Template",
]
