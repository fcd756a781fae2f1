"""The organization's sharing rules hold for what is published as they do for share links."""

import pytest

from artifacts import actions
from artifacts.actions import Access
from artifacts.actions.artifacts import CannotBePublished
from artifacts.actions.links import CannotBeLinked
from hq.authz.roles import Role
from hq.db.context import tenant
from sharing.actions.caps import Cap
from tenants import actions as tenants
from tests.artifacts.conftest import PASSWORD, make_artifact
from tests.factories import Place, sign_in
from tests.sharing.test_rules import group, rule
from tests.vault.limited import member


def publish(place: Place, access: str, actor=None) -> None:
    with tenant(place.id):
        password = PASSWORD if access == "password" else None
        actions.create_artifact(actor=actor or place.actor(), name="Q3", access=Access(access, password))


@pytest.mark.parametrize(
    ("cap", "refused"),
    [
        (Cap(), set()),
        (Cap(write_allowed=False, requests_allowed=False), set()),
        (Cap(password_required=True), {"open"}),
        (Cap(longest_seconds=3600), {"open", "password"}),
        (Cap(domains=("a.example",)), {"open", "password"}),
    ],
)
def test_who_is_let_in_is_what_the_rule_lets_members_share(place: Place, cap: Cap, refused: set[str]):
    before = make_artifact(place, "link")
    rule(place, cap)
    for access in ("link", "password", "open"):
        password = PASSWORD if access == "password" else None
        if access not in refused:
            publish(place, access)
            continue
        with pytest.raises(CannotBePublished) as fault:
            publish(place, access)
        assert fault.value.errors[0]["pointer"] == "/access"
        with tenant(place.id), pytest.raises(CannotBePublished):
            actions.change_artifact(actor=place.actor(), artifact_id=before.id, access=Access(access, password))


def test_what_was_open_before_stays_so_under_another_name(place: Place):
    before = make_artifact(place, "open")
    rule(place, Cap(password_required=True))
    with tenant(place.id):
        actions.change_artifact(actor=place.actor(), artifact_id=before.id, name="Q4", access=Access("open"))


@pytest.mark.parametrize(
    ("cap", "pointer"),
    [
        (Cap(longest_seconds=899), "/ttl_seconds"),
        (Cap(password_required=True), "/recipients/0"),
        (Cap(domains=("b.example",)), "/recipients/0"),
        (Cap(longest_seconds=900, domains=("a.example",), write_allowed=False), ""),
    ],
)
def test_a_link_lives_and_is_for_whom_the_rule_says(place: Place, cap: Cap, pointer: str):
    artifact = make_artifact(place, "link")
    rule(place, cap)

    def link() -> object:
        with tenant(place.id):
            return actions.create_links(
                actor=place.actor(), artifact_id=artifact.id, recipients=["i@a.example"], ttl_seconds=900
            )

    if not pointer:
        assert link()
        return
    with pytest.raises(CannotBeLinked) as refused:
        link()
    assert refused.value.errors[0]["pointer"] == pointer


def test_a_rule_of_ones_group_holds_and_a_key_has_its_makers(place: Place):
    ann = member(place)
    rule(place, Cap(password_required=True))
    rule(place, Cap(), group_id=group(place, ann))
    publish(place, "open", ann.actor)
    asked = {"name": "Q3", "access": "open"}
    assert ann.api().json("POST", "artifacts", asked).status_code == 201
    refused = member(place).api().json("POST", "artifacts", asked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/access")


def test_the_form_says_so_beside_its_field(place: Place):
    artifact = make_artifact(place, "link")
    rule(place, Cap(password_required=True))
    page = sign_in(place.owner).post(
        f"/o/{place.slug}/live/artifacts/{artifact.id}/change", {"name": "Q3", "access": "open"}
    )
    assert page.status_code == 400
    assert "ask for a password" in page.content.decode()


@pytest.mark.parametrize(("role", "state"), [(Role.ANALYST, "revoked"), (Role.ADMIN, "waiting")])
def test_links_end_with_the_right_to_share(place: Place, role: Role, state: str):
    """As share links do, which ask when they are opened. The edge cannot ask, so these are ended at once."""
    site = make_artifact(place, "link")
    maker = member(place)
    with tenant(place.id):
        made = actions.create_links(actor=maker.actor, artifact_id=site.id)[0]
        others = actions.create_links(actor=place.actor(), artifact_id=site.id)[0]
        tenants.change_role(actor=place.actor(), member_id=maker.membership.id, role=role)
        made.link.refresh_from_db()
        others.link.refresh_from_db()
    assert (made.link.state.value, others.link.state.value) == (state, "waiting")
