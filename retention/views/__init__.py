"""Pages of retention, holds and erasures."""

from retention.views.account import cancel_own, erase_account
from retention.views.holds import holds, lift_hold, new_hold
from retention.views.organization import approve, cancel, erasure
from retention.views.people import cancel_member, erase_member, people
from retention.views.periods import change, overview

__all__ = [
    "approve",
    "cancel",
    "cancel_member",
    "cancel_own",
    "change",
    "erase_account",
    "erase_member",
    "erasure",
    "holds",
    "lift_hold",
    "new_hold",
    "overview",
    "people",
]
