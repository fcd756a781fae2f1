"""Operators, whom only the owner of the database can make, and the doors that they come through."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connections
from django.test import Client

from tenants.models import User
from tests.database import as_superuser
from tests.factories import make_person, session_of, sign_in
from tests.factors import SoftKey, add_key, asked

_made: list[UUID] = []
AGAIN = "/account/2fa/webauthn/reauthenticate/"


@contextmanager
def as_owner() -> Iterator[None]:
    """A connection of its own as hq_owner, as bin/manage has on the server. What is done on it is committed."""
    former = connections["default"]
    theirs = former.copy()
    theirs.settings_dict = {**former.settings_dict, "USER": "hq_owner"}
    connections["default"] = theirs
    try:
        with theirs.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")  # what a test itself has locked would never come
        yield
    finally:
        theirs.close()
        connections["default"] = former


def make_operator(email: str = "", name: str = "Opal Operator") -> User:
    """An operator, whatever transaction the test is in. Made beside it, so unmade after it: see `forget_operators`."""
    with as_owner():
        person = make_person(email, name)
        User.objects.filter(pk=person.pk).update(is_operator=True)
    _made.append(person.pk)
    return User.objects.get(pk=person.pk)


def forget_operators() -> None:
    """A test that rolls back would leave them behind."""
    if _made:
        with as_superuser() as admin:
            admin.execute("DELETE FROM account_emailaddress WHERE user_id = ANY (%s)", [_made])
            admin.execute("DELETE FROM tenants_user WHERE id = ANY (%s)", [_made])
        _made.clear()


class Desk(Client):
    """An operator's browser, and the security key in their hand."""

    key: SoftKey

    def touch(self) -> None:
        """Show the key once more, as a person would."""
        sent = {"credential": json.dumps(self.key.asserted(asked(self, AGAIN)))}
        assert self.post(AGAIN, sent).status_code == 302


def desk_of(person: User) -> Desk:
    """Signed in, with a key of their own, just used."""
    desk = Desk()
    desk.cookies = sign_in(person).cookies
    desk.key = add_key(desk)
    return desk


def once_of(client: Client, page: str) -> str:
    """What a form carries so that it makes one thing only."""
    found = re.search(r'name="once" value="([^"]+)"', client.get(page).content.decode())
    assert found
    return found[1]


def another_desk(desk: Desk) -> Desk:
    """Another browser of the same person, who signs in with the same key and nothing else."""
    other, page = Desk(), "/account/2fa/webauthn/login/"
    other.key = desk.key
    sent = {"credential": json.dumps(desk.key.asserted(asked(other, page)))}
    assert other.post(page, sent).status_code == 302
    return other


def age_proof(client: Client, seconds: float) -> None:
    """Let time pass since factors were used in a session."""
    session = session_of(client)
    for used in session["account_authentication_methods"]:
        used["at"] -= seconds
    session.save()
