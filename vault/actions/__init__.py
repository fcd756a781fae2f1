"""Verbs of the vault."""

from vault.actions.assemble import assemble_upload, complete_upload, end_uploads
from vault.actions.buckets import provision_bucket
from vault.actions.conditions import ALWAYS, Conditions
from vault.actions.credentials import (
    IssuedCredentials,
    forget_credentials,
    issue_credentials,
    revoke_credentials,
)
from vault.actions.credentials_use import actor_again, actor_of, find_credentials, has_token
from vault.actions.landing import DirectWay, open_direct_way, take_in
from vault.actions.orphans import collect_orphans
from vault.actions.put import NameTaken, StoredAs, WrongDigest, WrongLength, put_object
from vault.actions.read import Opened, open_object
from vault.actions.remove import AlreadyCurrent, NotDeleted, delete_object, delete_objects, restore_object
from vault.actions.reseal import StoredFiles
from vault.actions.uploads import (
    Arrived,
    SignedPart,
    address_parts,
    begin_upload,
    find_upload_again,
    give_up_upload,
    look_at_upload,
    open_part,
    origin_of_parts,
)

__all__ = [
    "ALWAYS",
    "AlreadyCurrent",
    "Arrived",
    "Conditions",
    "DirectWay",
    "IssuedCredentials",
    "NameTaken",
    "NotDeleted",
    "Opened",
    "SignedPart",
    "StoredAs",
    "StoredFiles",
    "WrongDigest",
    "WrongLength",
    "actor_again",
    "actor_of",
    "address_parts",
    "assemble_upload",
    "begin_upload",
    "collect_orphans",
    "complete_upload",
    "delete_object",
    "delete_objects",
    "end_uploads",
    "find_credentials",
    "find_upload_again",
    "forget_credentials",
    "give_up_upload",
    "has_token",
    "issue_credentials",
    "look_at_upload",
    "open_direct_way",
    "open_object",
    "open_part",
    "origin_of_parts",
    "provision_bucket",
    "put_object",
    "restore_object",
    "revoke_credentials",
    "take_in",
]
