"""Verbs of the vault."""

from vault.actions.buckets import provision_bucket
from vault.actions.conditions import ALWAYS, Conditions
from vault.actions.credentials import (
    IssuedCredentials,
    forget_credentials,
    issue_credentials,
    revoke_credentials,
)
from vault.actions.credentials_use import actor_again, actor_of, find_credentials, has_token
from vault.actions.orphans import collect_orphans
from vault.actions.put import NameTaken, StoredAs, WrongDigest, WrongLength, put_object
from vault.actions.read import Opened, open_object
from vault.actions.remove import AlreadyCurrent, NotDeleted, delete_object, delete_objects, restore_object
from vault.actions.reseal import StoredFiles

__all__ = [
    "ALWAYS",
    "AlreadyCurrent",
    "Conditions",
    "IssuedCredentials",
    "NameTaken",
    "NotDeleted",
    "Opened",
    "StoredAs",
    "StoredFiles",
    "WrongDigest",
    "WrongLength",
    "actor_again",
    "actor_of",
    "collect_orphans",
    "delete_object",
    "delete_objects",
    "find_credentials",
    "forget_credentials",
    "has_token",
    "issue_credentials",
    "open_object",
    "provision_bucket",
    "put_object",
    "restore_object",
    "revoke_credentials",
]
