"""Verbs on trusts, and the exchange of tokens by them."""

from workloads.actions.exchanges import BadScope, Issued, NotExchanged, authenticate_workload, dry_run, exchange_token
from workloads.actions.kinds import BadTrust
from workloads.actions.trusts import (
    AlreadySo,
    ScopeNotYours,
    change_trust,
    create_trust,
    disable_trust,
    enable_trust,
    remove_trust,
)

__all__ = [
    "AlreadySo",
    "BadScope",
    "BadTrust",
    "Issued",
    "NotExchanged",
    "ScopeNotYours",
    "authenticate_workload",
    "change_trust",
    "create_trust",
    "disable_trust",
    "dry_run",
    "enable_trust",
    "exchange_token",
    "remove_trust",
]
