"""What a member's export holds: all of theirs, and nothing of others."""

from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator

from exports.models import Export
from exports.registry import Scope
from hq.authz.levels import Level
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from sharing import actions as sharing
from tenants import actions as tenants
from tenants.models import Membership, Organization, User
from tests.exports.support import Pair, Whole, made, opened
from tests.factories import Place, make_api_key, make_member, make_person, make_place, sign_in
from vault import actions as vault

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.age]
THEIRS, OTHERS = "written-by-mira", "canary-of-somebody-else"


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak", owner=make_person(f"{OTHERS}@example.com", OTHERS))


@pytest.fixture
def mira(place: Place) -> User:
    return make_member(place, Role.DEVELOPER, "mira@example.com", "Mira")


def put(place: Place, path: str, content: str, person: User | None = None, role: Role = Role.OWNER) -> None:
    vault.put_object(actor=place.actor(role, person), path=path, chunks=[content.encode()])


def export_of(place: Place, person: User, folder: Path, role: Role = Role.DEVELOPER) -> Whole:
    pair, actor = Pair(), place.actor(role, person)
    with tenant(place.id):
        membership = Membership.objects.get(user=person)
    actor = type(actor)(**{name: getattr(actor, name) for name in actor.__slots__} | {"principal_id": membership.id})
    return opened(place, made(place, Scope.OWN, pair.lock, actor), pair, folder, actor)


def test_it_has_the_account_and_what_they_did(place: Place, mira: User, tmp_path: Path) -> None:
    client = sign_in(mira)
    assert client.get(f"/o/{place.slug}/live/files/").status_code == 200
    Authenticator.objects.create(user=mira, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    put(place, f"{THEIRS}.txt", THEIRS, mira, Role.DEVELOPER)
    secret = make_api_key(place, person=mira, role=Role.DEVELOPER)
    with tenant(place.id):
        sharing.create_share(actor=place.actor(Role.DEVELOPER, mira), paths=[f"{THEIRS}.txt"], purpose="a link of mine")
    whole = export_of(place, mira, tmp_path)
    (account,) = whole.table("own_tenants_user")
    assert (account["email"], account["name"]) == ("mira@example.com", "Mira")
    assert "password" not in account
    assert [row["role"] for row in whole.table("own_tenants_membership")] == ["developer"]
    assert {"session:signed_in"} <= {row["tag"] for row in whole.table("own_audit_personevent")}
    assert len(whole.table("own_usersessions_usersession")) == 1
    assert [row["type"] for row in whole.table("own_factors")] == ["totp"]
    (key,) = whole.table("own_tenants_apikey")
    assert (key["name"], "hash" in key) == ("tests", False)
    assert [row["purpose"] for row in whole.table("own_sharing_sharelink")] == ["a link of mine"]
    assert [row["path"] for row in whole.table("own_sharing_sharepath")] == [f"{THEIRS}.txt"]
    assert any("object:created" in row["document"] for row in whole.table("trail"))
    assert whole.table("own_audit_accessentry")
    assert whole.members[f"files/live/{THEIRS}.txt"] == THEIRS.encode()
    everything = b"".join(whole.members.values())
    assert secret.encode() not in everything
    assert b"JBSWY3DPEHPK3PXP" not in everything
    session_key = client.cookies["hq_session" if "hq_session" in client.cookies else next(iter(client.cookies))].value
    assert session_key.partition(":")[0].encode() not in everything


def test_it_has_nothing_of_others(place: Place, mira: User, tmp_path: Path) -> None:
    put(place, "both.txt", OTHERS)
    put(place, "both.txt", THEIRS, mira, Role.DEVELOPER)
    put(place, "both.txt", f"{OTHERS} again")
    put(place, f"{OTHERS}.txt", OTHERS)
    make_api_key(place)
    with tenant(place.id):
        tenants.invite_member(actor=place.actor(), email=f"{OTHERS}@elsewhere.example", role=Role.ANALYST)
        sharing.create_share(actor=place.actor(), paths=["both.txt"], purpose=OTHERS)
    whole = export_of(place, mira, tmp_path)
    assert list(whole.files.values()) == [THEIRS.encode()]
    for name, content in whole.members.items():
        assert OTHERS.encode() not in content, name
        assert OTHERS not in name


def test_it_has_what_they_may_read_still(place: Place, mira: User, tmp_path: Path) -> None:
    for path in ("given/a.txt", "taken/b.txt"):
        put(place, path, path, mira, Role.DEVELOPER)
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(reach="rules")
        membership = Membership.objects.get(user=mira)
        tenants.give_access(actor=place.actor(), prefix="given/", level=Level.READ, membership_id=membership.id)
    assert export_of(place, mira, tmp_path).files == {"files/live/given/a.txt": b"given/a.txt"}


def test_who_has_left_before_it_is_made_gets_no_file(place: Place, mira: User, tmp_path: Path) -> None:
    from exports.actions.files import choose

    put(place, "a.txt", THEIRS, mira, Role.DEVELOPER)
    with tenant(place.id):
        Membership.objects.filter(user=mira).delete()
        export = Export(
            organization_id=place.id,
            environment_id=place.live_id,
            scope="own",
            requested_by_id=mira.pk,
            requested_by_label="Mira",
            recipient="age1",
            expires_at=now() + timedelta(days=7),
        )
        export.save()
        assert choose(export) == (0, 0)
