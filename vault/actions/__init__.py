"""Verbs of the vault."""

from vault.actions.buckets import provision_bucket
from vault.actions.conditions import ALWAYS, Conditions
from vault.actions.orphans import collect_orphans
from vault.actions.put import NameTaken, StoredAs, put_object
from vault.actions.read import Opened, open_object
from vault.actions.remove import AlreadyCurrent, NotDeleted, delete_object, delete_objects, restore_object
from vault.actions.reseal import StoredFiles

__all__ = [
    "ALWAYS",
    "AlreadyCurrent",
    "Conditions",
    "NameTaken",
    "NotDeleted",
    "Opened",
    "StoredAs",
    "StoredFiles",
    "collect_orphans",
    "delete_object",
    "delete_objects",
    "open_object",
    "provision_bucket",
    "put_object",
    "restore_object",
]
