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
from vault.actions.multipart import NoSuchPart as NoSuchDoorPart
from vault.actions.multipart import (
    NoSuchUpload,
    PartsOutOfOrder,
    abort_multipart,
    begin_multipart,
    complete_multipart,
    end_parts,
    list_parts,
    put_part,
)
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
    "NoSuchDoorPart",
    "NoSuchUpload",
    "NotDeleted",
    "Opened",
    "PartsOutOfOrder",
    "SignedPart",
    "StoredAs",
    "StoredFiles",
    "WrongDigest",
    "WrongLength",
    "abort_multipart",
    "actor_again",
    "actor_of",
    "address_parts",
    "assemble_upload",
    "begin_multipart",
    "begin_upload",
    "collect_orphans",
    "complete_multipart",
    "complete_upload",
    "delete_object",
    "delete_objects",
    "end_parts",
    "end_uploads",
    "find_credentials",
    "find_upload_again",
    "forget_credentials",
    "give_up_upload",
    "has_token",
    "issue_credentials",
    "list_parts",
    "look_at_upload",
    "open_direct_way",
    "open_object",
    "open_part",
    "origin_of_parts",
    "provision_bucket",
    "put_object",
    "put_part",
    "restore_object",
    "revoke_credentials",
    "take_in",
]
