"""What a session learns when somebody came in by a connection."""

from typing import Any

from allauth.account.signals import user_logged_in
from django.http import HttpRequest


def _signed_in(*, request: HttpRequest, sociallogin: Any = None, **_: Any) -> None:
    """After every step, a second factor included."""
    facts = sociallogin.state.get("hq.sso") if sociallogin is not None else None
    if facts:
        request.session["hq.sso"] = facts


def connect() -> None:
    """Called once, when the app is ready."""
    user_logged_in.connect(_signed_in)
