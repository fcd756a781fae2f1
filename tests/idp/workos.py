"""WorkOS in the part that signs people in: /sso/authorize, /sso/token and /sso/profile.

Written after https://workos.com/docs/reference/sso and WorkOS' own emulator: a code lives once, each failure of
/sso/token is a 400 in OAuth's form, and what goes wrong before that comes back to the redirect address.
"""

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar

from werkzeug import Request, Response

from tests.idp.loopback import Loopback, refused, s256, sent_on, told

CLIENT_ID, API_KEY = "client_01HQALDERPEAK", "sk_test_the-key-that-workos-gave-to-hq"
CONNECTION, ORGANIZATION = "conn_01HQALDERPEAK", "org_01HQALDERPEAK"
SELECTORS = ("connection", "organization", "provider")


@dataclass(frozen=True)
class Code:
    connection: str
    challenge: str


class WorkOS(Loopback):
    """Honest by default. `profile` is put over the true profile; `error` is what the browser brings back instead."""

    routes: ClassVar = {"/sso/authorize": "ask", "/sso/token": "exchange", "/sso/profile": "describe"}

    def __init__(self) -> None:
        super().__init__()
        self.connections = {CONNECTION: ORGANIZATION}
        self.profile: dict[str, Any] = {}
        self.error = ""  # e.g. access_denied
        self.fault: tuple[int, dict[str, Any]] | None = None  # status and body of /sso/token, whatever is asked
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    def ask(self, request: Request, values: dict[str, str]) -> Response:
        """The person is signed in at their own provider at once."""
        redirect_uri = values.get("redirect_uri", "")
        if values.get("client_id") != CLIENT_ID or values.get("response_type") != "code" or not redirect_uri:
            return refused(400, "invalid_request", "No such client, no redirect_uri, or not response_type=code.")
        state = {"state": values["state"]} if "state" in values else {}
        connection, error, why = self._selected(values)
        if self.error or error:
            answer = {"error": self.error or error, "error_description": why or "As the test says."}
            return sent_on(redirect_uri, answer | state)
        code = secrets.token_urlsafe(16)
        self.codes[code] = Code(connection, values.get("code_challenge", ""))
        return sent_on(redirect_uri, {"code": code} | state)

    def _selected(self, values: dict[str, str]) -> tuple[str, str, str]:
        """The connection, or what is wrong with how it was named. Hints narrow nothing."""
        given = [name for name in SELECTORS if values.get(name)]
        if len(given) != 1 or given == ["provider"]:
            return "", "invalid_connection_selector", "Exactly one connection selector must be given."
        if values.get("code_challenge") and values.get("code_challenge_method") != "S256":
            return "", "invalid_request", "code_challenge_method must be S256."
        wanted = values[given[0]]
        if given == ["connection"]:
            return (wanted, "", "") if wanted in self.connections else ("", "connection_invalid", "No such connection.")
        found = [connection for connection, organization in self.connections.items() if organization == wanted]
        if len(found) > 1:
            return "", "ambiguous_connection_selector", "The organization has several connections."
        return (found[0], "", "") if found else ("", "organization_invalid", "No connection in this organization.")

    def exchange(self, request: Request, values: dict[str, str]) -> Response:
        """A code for a profile, once, to the client that has the key, or the verifier, or both when both were begun."""
        if self.fault:
            return told(self.fault[1], self.fault[0])
        if values.get("grant_type") != "authorization_code":
            return refused(400, "unsupported_grant_type", "The grant type is not supported.")
        public = "client_secret" not in values and "code_verifier" in values
        if values.get("client_id") != CLIENT_ID or not (public or values.get("client_secret") == API_KEY):
            return refused(400, "invalid_client", "Invalid client ID or secret.")
        name = values.get("code", "")
        code = self.codes.pop(name, None)
        if code is None:
            return refused(400, "invalid_grant", f"The code '{name}' has expired or is invalid.")
        if (code.challenge or public) and code.challenge != s256(values.get("code_verifier", "")):
            return refused(400, "invalid_grant", "The code verifier is invalid.")
        token, profile = secrets.token_urlsafe(16), self._profile(code.connection)
        self.tokens[token] = profile
        return told({"token_type": "Bearer", "access_token": token, "expires_in": 600, "profile": profile})

    def _profile(self, connection: str) -> dict[str, Any]:
        return {
            "object": "profile",
            "id": "prof_01HQINES",
            "connection_id": connection,
            "organization_id": self.connections[connection],
            "connection_type": "OktaSAML",
            "idp_id": "00u-ines",
            "email": "ines@alderpeak.example",
            "first_name": "Ines",
            "last_name": "Alder",
            "role": {"slug": "member"},
            "groups": [],
            "custom_attributes": {},
            "raw_attributes": {"email": "ines@alderpeak.example"},
        } | self.profile

    def describe(self, request: Request, values: dict[str, str]) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return told({"message": "Unauthorized"}, 401)
        return told(self.tokens[token])
