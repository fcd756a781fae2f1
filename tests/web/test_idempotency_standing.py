"""An answer is given again only to who may still do all that they could do when it was given first."""

import json

import pytest

from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions
from tenants.models import Answer, ApiKey, Membership, Organization
from tests.factories import make_api_key, make_member, make_place
from tests.web.idempotent import Room, new_key
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
WORK = frozenset({Permission.SHARES_CREATE, Permission.OBJECTS_READ, Permission.MEMBERS_INVITE})


class Asker(Room):
    """A member with a key of their own, who asks for what is answered with something worth reading."""

    def __init__(self, role: Role = Role.ADMIN) -> None:
        self.place = make_place()
        self.person = make_member(self.place, role)
        self.secret = make_api_key(self.place, scopes=WORK, person=self.person, role=role)
        vault.put_object(actor=self.place.actor(), path="a/b", chunks=[b"content"])
        self.url = f"/v1/environments/{self.place.live_id}/shares"
        self.key = new_key()

    def ask(self):
        return self.post(self.url, {"paths": ["a/b"], "permission": "read"}, self.key)

    def becomes(self, role: Role) -> None:
        with tenant(self.place.id):
            Membership.objects.filter(user=self.person).update(role=role)

    def has_scopes(self, *scopes: Permission) -> None:
        with tenant(self.place.id):
            ApiKey.objects.filter(created_by=self.person).update(scopes=sorted(scopes))

    def by_rules(self) -> None:
        with tenant(self.place.id):
            Organization.objects.filter(pk=self.place.id).update(reach=Organization.Reach.RULES)

    def given(self, prefix: str, level: Level = Level.ADMIN):
        with tenant(self.place.id):
            member = Membership.objects.get(user=self.person)
            return actions.give_access(actor=self.place.actor(), membership_id=member.id, prefix=prefix, level=level)

    def withdrawn(self, entry) -> None:
        with tenant(self.place.id):
            actions.withdraw_access(actor=self.place.actor(), entry_id=entry.id)


def is_withheld(answer):
    code = json.loads(answer.content)["type"].rpartition("/")[2]
    return (answer.status_code, code) == (403, "answer-withheld")


def test_whoever_stands_as_before_is_answered_as_before():
    asker = Asker()
    first, again = asker.ask(), asker.ask()
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")


def test_a_scope_that_is_gone_takes_the_answer_along():
    asker = Asker()
    assert asker.ask().status_code == 201
    asker.has_scopes(Permission.OBJECTS_READ)
    assert is_withheld(asker.ask())
    asker.has_scopes(*WORK)
    assert asker.ask()["Idempotency-Replayed"] == "true"


def test_a_role_that_is_lower_takes_the_answer_along_and_a_higher_one_does_not():
    asker = Asker()
    assert asker.ask().status_code == 201
    asker.becomes(Role.OWNER)
    assert asker.ask()["Idempotency-Replayed"] == "true"
    asker.becomes(Role.ANALYST)
    assert is_withheld(asker.ask())


def test_an_owner_who_is_an_admin_by_now_is_not_told_although_the_scopes_are_the_same():
    asker = Asker(Role.OWNER)
    assert asker.ask().status_code == 201
    asker.becomes(Role.ADMIN)
    assert is_withheld(asker.ask())


def test_a_rule_that_went_takes_the_answer_along_and_a_wider_one_does_not():
    asker = Asker(Role.DEVELOPER)
    asker.becomes(Role.ANALYST)
    asker.by_rules()
    asker.has_scopes(Permission.SHARES_CREATE, Permission.OBJECTS_READ)
    rule = asker.given("a/")
    first = asker.ask()
    assert first.status_code == 201, first.content
    wider = asker.given("")
    asker.withdrawn(rule)
    assert asker.ask()["Idempotency-Replayed"] == "true"
    asker.given("b/")
    asker.withdrawn(wider)
    assert is_withheld(asker.ask())


def test_what_opened_everything_and_opens_a_folder_by_now_takes_the_answer_along():
    asker = Asker(Role.DEVELOPER)
    asker.has_scopes(Permission.SHARES_CREATE, Permission.OBJECTS_READ)
    assert asker.ask().status_code == 201
    asker.by_rules()
    asker.given("a/")
    assert is_withheld(asker.ask())


def test_an_answer_of_which_nobody_knows_who_could_see_it_is_not_given_again():
    asker = Asker()
    assert asker.ask().status_code == 201
    with tenant(asker.place.id):
        Answer.objects.update(standing=None)
    assert is_withheld(asker.ask())


def test_another_request_under_the_key_is_told_so_first():
    asker = Asker()
    assert asker.ask().status_code == 201
    asker.becomes(Role.ANALYST)
    assert asker.post(asker.url, {"paths": ["a/c"]}, asker.key).status_code == 422


def test_nothing_is_done_when_an_answer_is_withheld():
    asker = Asker()
    asker.ask()
    asker.becomes(Role.DEVELOPER)
    asker.ask()
    with tenant(asker.place.id):
        assert Answer.objects.count() == 1
