"""GitHub in the part that signs people in: an access token for a code, the account, its addresses.

After https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps: a refused code is answered
with 200 and an error, names can change, and the number of an account cannot.
"""

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar

from werkzeug import Request, Response

from tests.idp.loopback import Loopback, s256, sent_on, told

CLIENT_ID, CLIENT_SECRET = "Iv1.hq", "the-secret-that-github-gave-to-hq"


@dataclass(frozen=True)
class Code:
    redirect_uri: str
    challenge: str


class GitHub(Loopback):
    """Honest by default. `person` and `addresses` are what it says, whatever they are."""

    routes: ClassVar = {
        "/login/oauth/authorize": "ask",
        "/login/oauth/access_token": "exchange",
        "/user": "describe",
        "/user/emails": "list_addresses",
    }

    def __init__(self) -> None:
        super().__init__()
        self.person: Any = {"id": 4711, "login": "ines", "name": "Ines Alder", "email": None}
        self.addresses: Any = [
            {"email": "ines@users.example", "primary": False, "verified": True},
            {"email": "ines@alderpeak.example", "primary": True, "verified": True},
        ]
        self.codes: dict[str, Code] = {}
        self.tokens: set[str] = set()

    def ask(self, request: Request, values: dict[str, str]) -> Response:
        code = secrets.token_urlsafe(16)
        self.codes[code] = Code(values["redirect_uri"], values.get("code_challenge", ""))
        return sent_on(values["redirect_uri"], {"code": code, "state": values["state"]})

    def exchange(self, request: Request, values: dict[str, str]) -> Response:
        code = self.codes.pop(values.get("code", ""), None)
        client = (values.get("client_id"), values.get("client_secret"))
        if client != (CLIENT_ID, CLIENT_SECRET) or code is None or code.redirect_uri != values.get("redirect_uri"):
            return told({"error": "bad_verification_code"})
        if code.challenge != s256(values.get("code_verifier", "")):
            return told({"error": "bad_verification_code"})
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        return told({"access_token": token, "token_type": "bearer", "scope": "read:user,user:email"})

    def describe(self, request: Request, values: dict[str, str]) -> Response:
        return told(self.person) if self._known(request) else told({"message": "Bad credentials"}, 401)

    def list_addresses(self, request: Request, values: dict[str, str]) -> Response:
        return told(self.addresses) if self._known(request) else told({"message": "Bad credentials"}, 401)

    def _known(self, request: Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
