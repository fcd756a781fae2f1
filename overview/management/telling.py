"""What every chapter of the demo tells with: who acts, and who comes in from outside."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.test import Client

from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.db.context import tenant
from overview.management.story import Document, Person
from tenants import selectors
from tenants.selectors import Belonging
from vault import actions as vault


@dataclass
class Story:
    """Alder Peak while it is being made: its people, its documents, and what was made so far."""

    place: Belonging
    people: dict[Person, Any]
    documents: list[Document]
    made: list[str] = field(default_factory=list)

    def actor(self, person: Person, *, test: bool = False) -> Actor:
        """The person as a member, with the role held now."""
        account = self.people[person]
        belonging = selectors.find_belonging(account.pk, self.place.slug)
        if belonging is None:
            raise CommandError(f"{person.name} is not in {self.place.name}.")
        name = "test" if test else "live"
        return belonging.actor(account, method=AuthMethod.SESSION, origin=person.origin, environment_name=name)

    def act(self, verb: Callable[..., Any], person: Person, *, test: bool = False, **arguments: Any) -> Any:
        """One verb of a room, in the tenant's transaction."""
        with tenant(self.place.organization_id):
            return verb(actor=self.actor(person, test=test), **arguments)


class Outside:
    """Somebody who comes in over HTTP, from an address of their own."""

    def __init__(self, ip: str, agent: str, bearer: str = "") -> None:
        more = {"authorization": f"Bearer {bearer}"} if bearer else {}
        self._http = Client(REMOTE_ADDR=ip, SERVER_NAME="localhost", headers={"user-agent": agent} | more)

    def send(self, verb: str, path: str, body: bytes = b"", kind: str = "application/json", *, expect: int) -> bytes:
        """One request, and its answer's body. Raises CommandError if the status is another one."""
        response: Any = self._http.generic(verb, path, body, content_type=kind, secure=settings.SECURE)
        content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
        response.close()
        if response.status_code != expect:
            raise CommandError(f"{verb} {path} was answered with {response.status_code}, not {expect}.")
        return content

    def redeem(self, token: str, *, expect: int = 200) -> dict[str, Any]:
        body = json.dumps({"token": token}).encode()
        answer: dict[str, Any] = json.loads(self.send("POST", "/v1/shares/redeem", body, expect=expect))
        return answer


def put(told: Story, person: Person, path: str, content: bytes, content_type: str, *, test: bool = False) -> None:
    actor = told.actor(person, test=test)
    vault.put_object(actor=actor, path=path, chunks=[content], content_type=content_type)
