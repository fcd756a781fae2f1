"""A cluster that nobody can reach: its keys are pasted into HQ, and it signs tokens for what runs in it."""

import json
from dataclasses import dataclass, field
from time import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hq.authz.permissions import Permission
from hq.db.context import tenant
from tenants import actions as tenants
from tests.factories import ORIGIN, Place
from workloads import actions
from workloads.models import Exchange, Trust

ISSUER, AUDIENCE = "https://kubernetes.default.svc.cluster.local", "https://hq.example.org"
SUBJECT = "system:serviceaccount:claims:triage"


@dataclass
class Cluster:
    """`tokens` says what one holds, unless something else is said for one."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"}))

    @property
    def keys(self) -> str:
        return json.dumps({"keys": [self.key.as_dict(private=False)]})

    def token(self, **claims: Any) -> str:
        at = int(time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": at, "exp": at + 600, "jti": str(uuid4())}
        return jwt.encode({"alg": "ES256", "kid": "k1"}, said | claims, self.key, algorithms=["ES256"])

    def trust(self, place: Place, name: str = "claims-triage", **more: Any) -> Trust:
        """A trust of this cluster, for a service account of its own name."""
        actor = place.actor()
        with tenant(place.id):
            account = tenants.create_service_account(actor=actor, name=name)
            arguments: dict[str, Any] = {
                "kind": "kubernetes",
                "issuer": ISSUER,
                "audience": AUDIENCE,
                "subject": SUBJECT,
                "service_account_id": account.id,
                "scopes": frozenset({Permission.OBJECTS_READ}),
                "keys": self.keys,
            }
            return actions.create_trust(actor=actor, name=name, **(arguments | more))


def given(trust_id: UUID, token: str) -> str:
    """HQ's token for the cluster's."""
    return actions.exchange_token(trust_id=trust_id, subject_token=token, origin=ORIGIN).token


def refused(place: Place, trust_id: UUID) -> Exchange:
    """The line about something that is no token."""
    with pytest.raises(actions.NotExchanged):
        given(trust_id, "no token")
    with tenant(place.id):
        return Exchange.objects.filter(trust=trust_id).order_by("-pk")[0]
