"""A place whose machines sign in with tokens of their own platform, and what they send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.test import Client

from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from tenants import actions as tenants
from tests.factories import Place, make_place
from tests.idp.browsing import somewhere
from tests.idp.oidc import Claims
from tests.idp.workload_tokens import AUDIENCE, CLAIMS, SUBJECT, honest_claims, published, signed
from workloads import actions, selectors
from workloads.models import Exchange, Token, Trust, UsedToken

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ISSUER = "https://issuer.example/tenant"
SCOPES = frozenset({Permission.OBJECTS_READ, Permission.OBJECTS_WRITE})
_numbers = count(1)


@cache
def pasted() -> str:
    return published().decode()


@dataclass
class Machines:
    """A trust of a place, with its service account, and a client at an address of its own."""

    place: Place
    account: UUID
    trust: Trust
    client: Client = field(default_factory=lambda: Client(REMOTE_ADDR=somewhere()))

    @property
    def owner(self) -> Actor:
        return self.place.actor()

    def claims(self, **lies: Any) -> Claims:
        return honest_claims(self.trust.conditions["issuer"], **lies)

    def token(self, **lies: Any) -> str:
        """What the platform signs for the machine."""
        return signed(self.claims(**lies))

    def ask(self, token: str, **changes: Any):
        """The answer of the token endpoint."""
        form = {"grant_type": GRANT, "audience": str(self.trust.id), "subject_token": token, "subject_token_type": JWT}
        return post(self.client, form | changes)

    def exchange(self, **changes: Any) -> str:
        """A token of ours."""
        answer = self.ask(self.token(), **changes)
        assert answer.status_code == 200, answer.content
        secret: str = answer.json()["access_token"]
        return secret

    def use(self, secret: str, path: str = "/v1/me"):
        return self.client.get(path, headers={"authorization": f"Bearer {secret}"})

    def exchanges(self) -> list[Exchange]:
        with tenant(self.place.id):
            return list(selectors.list_exchanges(self.owner, trust_id=self.trust.id))

    def last_exchange(self) -> Exchange:
        with tenant(self.place.id):
            return selectors.list_exchanges(self.owner, limit=1)[0]

    def kept(self) -> tuple[int, int, int]:
        """How many tokens, marks of used ones and exchanges there are."""
        with tenant(self.place.id):
            here = {"trust": self.trust.id}
            counted = (Token.objects.filter(**here), UsedToken.objects.filter(**here), Exchange.objects.filter(**here))
            tokens, used, exchanges = (rows.count() for rows in counted)
            return tokens, used, exchanges


def post(client: Client, form: Mapping[str, object]):
    body = "&".join(f"{name}={_quoted(str(value))}" for name, value in form.items() if value is not None)
    return client.post("/v1/oauth/token", body, content_type="application/x-www-form-urlencoded")


def _quoted(value: str) -> str:
    return quote(value, safe="", errors="surrogatepass")


def terms(**changes: Any) -> dict[str, Any]:
    """What a trust says, of an issuer whose keys were pasted, so that nothing is fetched."""
    said = {
        "name": f"nightly-build-{next(_numbers)}",
        "kind": "other",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "subject": SUBJECT,
        "claims": CLAIMS,
        "keys": pasted(),
        "scopes": SCOPES,
        "seconds": 900,
        "single_use": False,
    }
    return said | changes


def make_machines(place: Place | None = None, **changes: Any) -> Machines:
    place = place or make_place()
    with tenant(place.id):
        account = tenants.create_service_account(actor=place.actor(), name=f"builder-{next(_numbers)}").id
        trust = actions.create_trust(actor=place.actor(), **{"service_account_id": account} | terms(**changes))
    return Machines(place, account, trust)
