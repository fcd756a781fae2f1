"""What HQ signs at the end of an erasure: what went, what stays, and until when backups may hold it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from audit import selectors as trail
from hq.crypto.statements import ERASURE, timestamp
from hq.lib.clock import now
from keys.actions.shredding import certify_erasure

# VLT-10: backups that hold the data expire after so long.
BACKUPS_KEPT = timedelta(days=30)
COVERS = (
    "The rows that are counted here are gone from the database.",
    "The bucket is gone from the object store, with every version, unfinished upload and delete marker in it.",
    "What was sealed under these keys is unreadable wherever a copy of it is, in backups too.",
)
OF_PEOPLE = ("The account: name, addresses, ways of signing in, sessions and its own log are gone.",)
OF_MEMBERS = ("Membership, groups, access rules, API keys, share links and open invitations are gone.",)
STAYS = (
    "One row that says that the organization was erased, when, and by whom, by ids.",
    "The trail and the access log: ids, times, outcomes and network addresses. Their words are sealed and unreadable.",
    "The ids, states and versions of its keys, without anything that they wrapped.",
    "This and earlier statements, and why it was asked for, sealed under the deployment's key.",
)
PERSON_STAYS = (
    "The id of the account, without a name or an address.",
    "Files that they stored, which belong to the organization. Their maker is called Erased member.",
    "The trails of organizations, which are evidence: the name in a sealed detail goes with the organization's key.",
)
NOT_COVERED = (
    "Plain text that people or machines took out before.",
    "Backups, until the time named here. What stood in the clear can be read there: paths, sizes, addresses of people.",
    "Mail that was sent, and log lines that whoever runs HQ keeps.",
)
MEMORY = "Keys in the memory of HQ's own processes, for at most five minutes after they were thrown away."
CUSTOMERS = "A key of the customer's own in AWS KMS is theirs to delete. HQ has thrown away what it wrapped."
LATER = "Keys in AWS KMS are destroyed at the time named beside them. They refuse every use until then."
EMBEDDED = (
    "A backup of the folder of the embedded key store, together with the root key, holds the keys until it expires too."
)


def certify(subject: str, organization_id: UUID, facts: Mapping[str, Any]) -> UUID:
    """Sign what `facts` say and keep the file with the organization; its id. In the caller's transaction.

    Raises KeyUnavailable.
    """
    keys = facts.get("keys", [])
    beyond = list(NOT_COVERED)
    beyond += [MEMORY] if keys else []
    beyond += [CUSTOMERS] if any(key["customer_owned"] for key in keys) else []
    beyond += [LATER] if any(key["provider"] == "kms" and not key["customer_owned"] for key in keys) else []
    beyond += [EMBEDDED] if any(key["provider"] == "embedded" for key in keys) else []
    whole = subject == "organization"
    body = {
        "type": ERASURE,
        "subject": subject,
        "person": None,
        "approved": None,
        "bucket": None,
        "keys": keys,
        "fingerprints_digest": None,
        "people": {"erased": 0, "left": 0},
        "chain": heads(organization_id) if subject != "account" else [],
        "covers": list(COVERS if whole else OF_PEOPLE if subject == "account" else OF_MEMBERS),
        "stays": list(STAYS if whole else PERSON_STAYS),
        "does_not_cover": beyond,
        "backups_expire_at": timestamp(now() + BACKUPS_KEPT),
        **facts,
    }
    return certify_erasure(organization_id, body)


def heads(organization_id: UUID) -> Sequence[dict[str, Any]]:
    return [
        {"environment": str(head.environment_id), "index": head.length, "hash": bytes(head.hash).hex()}
        for head in trail.heads_of(organization_id)
    ]
