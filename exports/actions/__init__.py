"""Verbs of exports."""

from exports.actions.download import Given, open_file
from exports.actions.expiry import expire_exports, forget_export
from exports.actions.make import make_export
from exports.actions.recipients import Lock, NoRecipient, by_key, by_passphrase
from exports.actions.requests import (
    AlreadyUnderWay,
    TooManyExports,
    Wish,
    drop_own,
    refuse_second,
    remove_export,
    request_export,
)

__all__ = [
    "AlreadyUnderWay",
    "Given",
    "Lock",
    "NoRecipient",
    "TooManyExports",
    "Wish",
    "by_key",
    "by_passphrase",
    "drop_own",
    "expire_exports",
    "forget_export",
    "make_export",
    "open_file",
    "refuse_second",
    "remove_export",
    "request_export",
]
