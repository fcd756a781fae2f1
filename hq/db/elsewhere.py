"""What other packages' tables hold, and what is kept outside the database, so that the data map is whole (VLT-12).

The first stands beside `grants.TABLES`: a table that gets a grant there needs its classes here. Where a column is said
to be never filled, its grant has no INSERT and no UPDATE.
"""

from hq.db.classes import ACCOUNT, DEPLOYMENT, DataClass, Declared, Erasure, Held, Kept, Stored
from hq.db.sealing import Purpose
from hq.lib.local_only import LOCAL_ONLY

OTHERS, OUTSIDE_ROOM, REFUSED = "packages", "outside", "refused"
ROOM_TITLES = {
    OTHERS: "Tables of other packages",
    OUTSIDE_ROOM: "Outside the database",
    REFUSED: "Refused by the server",
}
_SESSION = Kept("Until signing out; of no use after 12 hours", Erasure.NOT_THEIRS)
_UNUSED = "Empty: HQ does not use it"

OTHER_TABLES = {
    "account_emailaddress": Declared(
        kept=ACCOUNT,
        in_clear={"email": "Signing in finds the account by it"},
        operational="id user verified primary",
    ),
    "account_emailconfirmation": Declared(
        kept=ACCOUNT, secrets={"key": Held.NEVER}, operational="id email_address created sent"
    ),
    "auth_group": Declared(kept=DEPLOYMENT, operational="id name"),
    "auth_group_permissions": Declared(kept=DEPLOYMENT, operational="id group permission"),
    "auth_permission": Declared(kept=DEPLOYMENT, operational="id name content_type codename"),
    "django_content_type": Declared(kept=DEPLOYMENT, operational="id app_label model"),
    "django_migrations": Declared(kept=DEPLOYMENT, operational="id app name applied"),
    "django_session": Declared(
        kept=_SESSION,
        in_clear={
            "session_data": "Signed: who is signed in, notices, and the code while an address is being proven. "
            "The seed of an app that is being added stands in it sealed"
        },
        secrets={"session_key": Held.SIGNED},
        operational="expire_date",
    ),
    "mfa_authenticator": Declared(
        kept=ACCOUNT,
        secrets={"data": Held.SEALED},  # by tenants.columns, under the deployment's people key
        operational="id user type created_at last_used_at",
    ),
    "socialaccount_socialaccount": Declared(
        kept=ACCOUNT,
        in_clear={
            "uid": "Signing in finds the account by it",
            "extra_data": "What the provider says of the person, as it came",
        },
        operational="id user provider last_login date_joined",
    ),
    "socialaccount_socialapp": Declared(
        kept=DEPLOYMENT,
        secrets={"secret": Held.NEVER, "key": Held.NEVER},
        operational="id provider provider_id name client_id settings",
    ),
    "socialaccount_socialtoken": Declared(
        kept=ACCOUNT,
        secrets={"token": Held.NEVER, "token_secret": Held.NEVER},
        operational="id app account expires_at",
    ),
    "usersessions_usersession": Declared(
        kept=_SESSION,
        in_clear={
            "user_agent": "An account’s own sessions have no organization, and so none of its keys",
            "data": _UNUSED,
        },
        secrets={"session_key": Held.SIGNED},
        operational="id user created_at ip last_seen_at",
    ),
}


def _outside(
    place: str,
    name: str,
    kind: str,
    data_class: DataClass,
    kept: Kept,
    *,
    held: Held | None = None,
    purpose: Purpose | None = None,
    why: str = "",
) -> Stored:
    return Stored(
        room=OUTSIDE_ROOM,
        table=place,
        field=name,
        type=kind,
        data_class=data_class,
        kept=kept,
        held=held,
        purpose=purpose,
        why_plain=why,
    )


_C = DataClass
_FILE = Kept("Until no version refers to it, with the organization at the latest")
_CMK = Kept("Until the key is destroyed")
_BROWSER = Kept("In the person’s browser, until it is cleared", Erasure.NOT_THEIRS)
_MAIL = Kept("By those who received it", Erasure.NOT_THEIRS)
_LINES = Kept("As long as the operator keeps log lines", Erasure.NOT_THEIRS)
_MINUTES = Kept("For minutes; nothing is lost with it", Erasure.NOT_THEIRS)
_NEVER = Kept("Never: the server refuses it")

OUTSIDE = (
    _outside("object store", "objects", "sealed file", _C.CONTENT, _FILE, held=Held.SEALED, purpose=Purpose.CONTENT),
    _outside("object store", "file names", "random id", _C.OPERATIONAL, _FILE),
    _outside("key store", "organization keys", "file, or AWS KMS", _C.SECRETS, _CMK, held=Held.WRAPPED),
    _outside("key store", "references, versions, states", "file", _C.OPERATIONAL, _CMK),
    _outside("operator’s secrets", "root key", "file, 0600", _C.SECRETS, DEPLOYMENT, held=Held.HOLDER),
    _outside("operator’s secrets", "signing secret", "file, 0600", _C.SECRETS, DEPLOYMENT, held=Held.HOLDER),
    _outside("operator’s secrets", "API key pepper", "file, 0600", _C.SECRETS, DEPLOYMENT, held=Held.HOLDER),
    _outside("operator’s secrets", "passwords of services", "file, 0600", _C.SECRETS, DEPLOYMENT, held=Held.HOLDER),
    _outside("Valkey", "bell", "message", _C.OPERATIONAL, _MINUTES),
    _outside("Valkey", "rate limits", "times", _C.OPERATIONAL, _MINUTES),
    _outside("Valkey", "rate limit keys", "text", _C.METADATA, _MINUTES, why="A digest of the address that is limited"),
    _outside("Valkey", "one-time codes that were used", "text", _C.OPERATIONAL, _MINUTES),
    _outside("log lines", "ids, times, outcomes", "text", _C.OPERATIONAL, _LINES),
    _outside("outgoing mail", "address and text", "mail", _C.METADATA, _MAIL, why="Mail is read by whom it is for"),
    _outside("outgoing mail", "links and codes", "mail", _C.SECRETS, _MAIL, held=Held.HOLDER),
    _outside("browser", "session cookie", "cookie, HttpOnly", _C.SECRETS, _SESSION, held=Held.HOLDER),
    _outside("browser", "CSRF cookie", "cookie, HttpOnly", _C.SECRETS, _BROWSER, held=Held.HOLDER),
    _outside("browser", "link session cookie", "cookie, HttpOnly", _C.SECRETS, _BROWSER, held=Held.HOLDER),
    _outside("browser", "artifact cookie", "cookie, HttpOnly", _C.SECRETS, _BROWSER, held=Held.HOLDER),
    _outside("browser", "hq-theme, hq-keys", "local storage", _C.OPERATIONAL, _BROWSER),
    *(
        Stored(
            room=REFUSED,
            table="uploads",
            field=rule.name,
            type=f"{len(rule.patterns)} patterns",
            data_class=_C.LOCAL_ONLY,
            kept=_NEVER,
            why_plain=rule.sentence,
        )
        for rule in LOCAL_ONLY
    ),
)
