"""A directory that talks to HQ over SCIM, as tests hold it."""

import json
from typing import Any
from uuid import UUID

from django.test import Client

from directory.actions.scim_tokens import authenticate_directory, create_scim_token
from directory.models import Domain, SsoConnection
from hq.authz.actor import Actor
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tests.factories import ORIGIN, Place, make_place

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SCIM = "application/scim+json"


class Directory:
    """An organization with a verified domain, and a client with its token."""

    def __init__(self, place: Place | None = None, domain: str = "") -> None:
        self.place = place or make_place()
        self.domain = domain or f"{self.place.slug}.example"
        verify(self.place, self.domain)
        with tenant(self.place.id):
            self.token = create_scim_token(actor=self.place.actor()).secret
        self.client = Client()

    @property
    def base(self) -> str:
        return f"/scim/v2/{self.place.id}"

    def address(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The answer, whose `json()` is its body. Bytes are sent as they are."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        kind = headers.pop("content-type", SCIM)
        return self.client.generic(method, f"{self.base}/{path}", content, content_type=kind, headers=headers)

    def user(self, local: str, **more: object) -> dict[str, Any]:
        """Make a person, who must be taken."""
        answer = self.send("POST", "Users", {"schemas": [USER], "userName": self.address(local)} | more)
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def group(self, name: str, *user_ids: str) -> dict[str, Any]:
        members = [{"value": each} for each in user_ids]
        answer = self.send("POST", "Groups", {"schemas": [GROUP], "displayName": name, "members": members})
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def find(self, kind: str, filter: str, **more: str) -> Any:
        """The resources that a filter finds, asked for in the address."""
        answer = self.client.get(
            f"{self.base}/{kind}", {"filter": filter} | more, headers={"authorization": f"Bearer {self.token}"}
        )
        assert answer.status_code == 200, answer.content
        return answer.json()["Resources"] if answer.json()["totalResults"] else []

    def names(self, filter: str, kind: str = "Users") -> list[str]:
        key = "userName" if kind == "Users" else "displayName"
        return sorted(str(each[key]).partition("@")[0] for each in self.find(kind, filter))


def verify(place: Place, domain: str) -> None:
    with tenant(place.id):
        Domain.objects.create(
            organization_id=place.id, name=domain, challenge="x", created_by_id=place.owner.pk, verified_at=now()
        )


def map_roles(place: Place, groups: dict[str, str], default: str = Role.ANALYST) -> UUID:
    """An active connection that gives roles to groups."""
    with tenant(place.id):
        made = SsoConnection.objects.create(
            organization_id=place.id,
            kind="okta",
            protocol="saml",
            name="Okta",
            state="ACTIVE",
            config={},
            groups=groups,
            default_role=default,
            created_by_id=place.owner.pk,
            tested_at=now(),
        )
    return made.id


def directory_actor(place: Place) -> Actor:
    with tenant(place.id):
        secret = create_scim_token(actor=place.actor()).secret
    return authenticate_directory(secret=secret, organization_id=place.id, origin=ORIGIN)
