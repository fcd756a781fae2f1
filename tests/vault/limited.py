"""People and machines that read and write only where access rules say, made as the product makes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hq.authz.actor import Actor
from hq.authz.levels import Level
from hq.authz.permissions import SCOPES, AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions, selectors
from tenants.models import Membership, Organization, User
from tests.factories import ORIGIN, Place, make_member
from tests.vault.http import Api
from vault import actions as vault


def let_rules_decide(place: Place) -> None:
    """From now on only access rules open files here, to all but owners and admins."""
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(reach="rules")


@dataclass(frozen=True)
class Member:
    """Somebody with a role, and what rules give them."""

    place: Place
    person: User
    membership: Membership

    @property
    def actor(self) -> Actor:
        """As a request of theirs would find them."""
        found = selectors.find_belonging(self.person.pk, self.place.slug)
        assert found is not None
        return found.actor(self.person, method=AuthMethod.SESSION, origin=ORIGIN)

    def give(self, prefix: str, level: Level = Level.READ) -> None:
        with tenant(self.place.id):
            actions.give_access(actor=self.place.actor(), prefix=prefix, level=level, membership_id=self.membership.id)

    def withdraw(self, prefix: str) -> None:
        with tenant(self.place.id):
            owner = self.place.actor()
            for entry in selectors.list_entries(owner):
                if (entry.membership_id, entry.prefix) == (self.membership.id, prefix):
                    actions.withdraw_access(actor=owner, entry_id=entry.id)

    def leave(self) -> None:
        with tenant(self.place.id):
            actions.remove_member(actor=self.place.actor(), member_id=self.membership.id)

    def api(self) -> Api:
        """With a key of theirs. Not every role makes keys; what is looked at is what a key may do."""
        actor = self.actor
        maker = replace(actor, permissions=actor.permissions | {Permission.API_KEYS_CREATE})
        scopes = SCOPES & (actor.permissions | actor.within)
        with tenant(self.place.id):
            return Api(self.place, actions.create_api_key(actor=maker, name="tests", scopes=scopes).secret)


def member(place: Place, role: Role = Role.DEVELOPER) -> Member:
    person = make_member(place, role)
    with tenant(place.id):
        return Member(place, person, Membership.objects.get(user=person))


def store(place: Place, paths: Sequence[str], deleted: Sequence[str] = ()) -> None:
    owner = place.actor()
    for path in [*paths, *deleted]:
        vault.put_object(actor=owner, path=path, chunks=[path.encode()])
    for path in deleted:
        vault.delete_object(actor=owner, path=path)
