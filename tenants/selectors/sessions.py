"""The sessions of one person, and how each came in."""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from hq.lib.clock import now
from tenants.models import TOTP, WEBAUTHN, User

_FACTORS = {
    TOTP: "authenticator app",
    WEBAUTHN: "passkey or security key",
    Authenticator.Type.RECOVERY_CODES.value: "recovery code",
}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that still opens doors. `came_by` is empty where nothing was kept of it."""

    row: UserSession
    came_by: str


def list_sessions(person: User) -> list[SignedIn]:
    """Those that have not run out and that a changed password has not ended, the last used first (two queries)."""
    rows = list(UserSession.objects.filter(user=person).order_by("-last_seen_at"))
    kept = Session.objects.filter(session_key__in=[row.session_key for row in rows], expire_date__gt=now())
    contents = {session.session_key: session.get_decoded() for session in kept}
    valid = [person.get_session_auth_hash(), *person.get_session_auth_fallback_hash()]
    return [
        SignedIn(row, _came_by(contents[row.session_key]))
        for row in rows
        if any(constant_time_compare(contents.get(row.session_key, {}).get(HASH_SESSION_KEY, ""), one) for one in valid)
    ]


def _came_by(content: dict[str, Any]) -> str:
    """In words, from the session's own record, in the order in which it was shown who they are."""
    said: list[str] = ["single sign-on"] if content.get("hq.sso") else []
    for used in content.get("account_authentication_methods", []):
        method = None if used.get("reauthenticated") else used.get("method")  # shown again later, not by coming in
        if method == "password":
            said.append("password")
        elif method == "mfa":
            said.append("passkey" if used.get("passwordless") else _FACTORS.get(used.get("type"), "second factor"))
        elif method == "socialaccount" and not content.get("hq.sso"):
            said.append(str(used.get("provider", "")).capitalize() or "another provider")
        elif method == "code":
            said.append("code by mail")
    text = " and ".join(dict.fromkeys(said))
    return text[:1].upper() + text[1:]
