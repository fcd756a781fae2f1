"""Verbs of the archive."""

from archive.actions.alarm import sound_alarm
from archive.actions.checkpoints import keep_checkpoints
from archive.actions.plan import MissingEntries, Order, order_of
from archive.actions.readback import DoesNotFit, check_file, verify_month
from archive.actions.requests import archive_now, enqueue_write, keep_later
from archive.actions.write import Conflict, archive_log

__all__ = [
    "Conflict",
    "DoesNotFit",
    "MissingEntries",
    "Order",
    "archive_log",
    "archive_now",
    "check_file",
    "enqueue_write",
    "keep_checkpoints",
    "keep_later",
    "order_of",
    "sound_alarm",
    "verify_month",
]
