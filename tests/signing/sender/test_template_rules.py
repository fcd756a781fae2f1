"""Who may do what to a template, and what it may say: what is made of it goes out again and again."""

from collections.abc import Callable

import pytest

from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import Role
from hq.db import retention
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from signing import selectors
from signing.actions import acts, papers, sending, templates
from signing.actions.drafts import Wish
from signing.actions.faults import CannotBeSigned, StillKept
from signing.actions.templates import KEEP_MOST, Use
from signing.models.signers import ROLE_LENGTH
from tests.factories import make_member, make_place
from tests.signing import support
from tests.signing.api.test_agreements_api import Api
from tests.signing.core.conftest import meanwhile
from vault.models import Blob

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = support.text_for(support.people_of(1))


@pytest.fixture
def place():
    return make_place()


def kept(place, agreement=None, text=TEXT):
    made = agreement or support.make_agreement(place)
    with tenant(place.id):
        return templates.keep_as_template(actor=place.actor(), agreement_id=made.id, name="NDA", text=text)


def blobs(place):
    with tenant(place.id):
        return Blob.objects.count()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ANALYST])
def test_who_may_not_share_makes_changes_and_uses_none(place, role):
    draft = support.make_agreement(place)
    template = kept(place, draft)
    actor = place.actor(role, make_member(place, role))
    more = {"actor": actor, "template_id": template.id}
    inside: list[Callable[[], object]] = [
        lambda: templates.keep_as_template(actor=actor, agreement_id=draft.id, name="Mine", text=TEXT),
        lambda: templates.change_template(**more, wish=Wish(title="x"), roles=["Signer 1"]),
        lambda: templates.keep_for(**more, keep_days=1),
        lambda: templates.hold_template(**more, held=True),
        lambda: templates.remove_template(**more),
    ]
    for act in inside:
        with tenant(place.id), pytest.raises(Denied):
            act()
    asks = kept(place, support.make_agreement(place, text="{company} [[signature:1]]"), "{company} [[signature:1]]")
    use = Use("x", [("Sam", "sam@signer.example")], {"company": "Holm"})
    before = blobs(place)
    with pytest.raises(Denied):
        templates.replace_text(**more, text=TEXT)
    with pytest.raises(Denied):
        templates.use_template(actor=actor, template_id=asks.id, use=use)
    assert blobs(place) == before  # nor is anything stored for them first


def test_who_may_not_look_at_agreements_looks_at_no_template(place):
    template = kept(place)
    actor = place.actor(Role.ANALYST, make_member(place, Role.ANALYST))
    with tenant(place.id):
        with pytest.raises(Denied):
            templates.get_template(actor, template.id)
        with pytest.raises(Denied):
            templates.list_templates(actor)


def test_a_developer_keeps_nothing_longer_and_holds_nothing(place):
    template = kept(place)
    actor = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    with tenant(place.id):
        with pytest.raises(Denied):
            templates.keep_for(actor=actor, template_id=template.id, keep_days=1)
        with pytest.raises(Denied):
            templates.hold_template(actor=actor, template_id=template.id, held=True)


def test_a_key_that_may_send_and_not_revoke_ends_and_removes_nothing(place):
    out, draft = support.sent(place), support.make_agreement(place)
    template = kept(place, draft)
    api = Api(place, scopes=SCOPES - {Permission.SHARES_REVOKE})
    assert api("post", f"agreements/{out.id}/void", {"reason": "x"}).status_code == 403
    assert api("delete", f"agreements/{draft.id}").status_code == 403
    assert api("delete", f"agreement-templates/{template.id}").status_code == 403
    assert support.fresh(out).state == "sent"
    assert support.fresh(draft).state == "draft"


@pytest.mark.parametrize(
    ("roles", "pointer"),
    [
        ([], "/roles"),
        (["One", "Two"], "/roles"),
        ([" "], "/roles/0"),
        (["x" * (ROLE_LENGTH + 1)], "/roles/0"),
        (["a\nb"], "/roles/0"),
    ],
)
def test_its_roles_are_as_many_as_before_and_called_something(place, roles, pointer):
    template = kept(place)
    with tenant(place.id), pytest.raises(CannotBeSigned) as refused:
        templates.change_template(actor=place.actor(), template_id=template.id, wish=Wish(title="NDA"), roles=roles)
    assert refused.value.errors[0]["pointer"] == pointer


@pytest.mark.parametrize("days", [0, -1, KEEP_MOST + 1])
def test_what_came_of_it_is_kept_for_some_days(place, days):
    template = kept(place)
    with tenant(place.id):
        with pytest.raises(CannotBeSigned):
            templates.keep_for(actor=place.actor(), template_id=template.id, keep_days=days)
        for most in (1, KEEP_MOST, None):
            assert templates.keep_for(actor=place.actor(), template_id=template.id, keep_days=most).keep_days == most


def test_one_that_is_held_is_not_removed_until_it_is_let_go(place):
    template = kept(place)
    with tenant(place.id):
        templates.hold_template(actor=place.actor(), template_id=template.id, held=True)
        with pytest.raises(StillKept):
            templates.remove_template(actor=place.actor(), template_id=template.id)
        templates.hold_template(actor=place.actor(), template_id=template.id, held=False)
        templates.remove_template(actor=place.actor(), template_id=template.id)
        with pytest.raises(NotFound):
            templates.get_template(place.actor(), template.id)


@pytest.mark.parametrize("values", [{}, {"company": " "}, {"company": "[x]"}])
def test_what_it_asks_for_is_filled_in_with_plain_words(place, values):
    text = "{company} [[signature:1]]"
    template = kept(place, support.make_agreement(place, text=text), text)
    with pytest.raises(CannotBeSigned) as refused:
        templates.use_template(
            actor=place.actor(), template_id=template.id, use=Use("x", [("Sam", "sam@signer.example")], values)
        )
    assert refused.value.errors[0]["pointer"] == "/values/company"


def test_its_document_goes_with_the_last_that_names_it(place):
    draft = support.make_agreement(place)
    template = kept(place, draft)
    with tenant(place.id):
        sending.remove_agreement(actor=place.actor(), agreement_id=draft.id)
    assert papers.read(place.id, draft.document_id).decode() == TEXT
    with tenant(place.id):
        templates.remove_template(actor=place.actor(), template_id=template.id)
    with pytest.raises(NotFound):
        papers.read(place.id, draft.document_id)


def test_who_holds_one_waits_for_who_is_removing_what_came_of_it(place):
    template = kept(place)
    actor = place.actor()

    def hold():
        with tenant(place.id):
            templates.hold_template(actor=actor, template_id=template.id, held=True)

    # As who removes does first, before it is looked whether anything is held.
    assert meanwhile(place, lambda: retention.wait_for_turn(place.id), hold) == ""


def test_no_template_is_made_of_what_is_being_removed(place):
    draft = support.make_agreement(place)
    more = {"actor": place.actor(), "agreement_id": draft.id}
    assert meanwhile(place, lambda: sending.remove_agreement(**more), lambda: kept(place, draft)) == "NotFound"


def test_who_uses_one_waits_for_who_is_changing_it(place):
    template = kept(place)
    actor = place.actor()
    filled = templates.fill_document(template, actor, {})

    def use():
        with tenant(place.id):
            templates.insert_from(actor, filled, Use("x", [("Sam", "sam@signer.example")], {}))

    assert meanwhile(place, lambda: templates.get_template(actor, template.id, lock=True), use) == ""


def test_a_pdf_has_no_text_to_replace(place):
    template = kept(place, support.make_agreement(place, pdf=support.pdf_of()), text="")
    with pytest.raises(CannotBeSigned, match="is a PDF"):
        templates.replace_text(actor=place.actor(), template_id=template.id, text=TEXT)


def test_who_handed_it_on_and_who_took_it_are_one_role_with_its_fields(place):
    out = support.sent(place, 2, pdf=support.pdf_of(), may_delegate=True)
    with tenant(place.id):
        acts.delegate_signing(support.stand(support.signer(out)), name="Dana", email="dana@signer.example")
    plan = kept(place, out, text="").plan
    assert len(plan["roles"]) == 2
    assert sorted(field["signer"] for field in plan["fields"]) == [1, 2]


def test_of_a_text_that_was_sent_its_markers_say_where_the_fields_are(place):
    template = kept(place, support.sent(place))
    assert template.plan["fields"] == []
    used = templates.use_template(
        actor=place.actor(), template_id=template.id, use=Use("Again", [("Sam", "sam@signer.example")], {})
    )
    with tenant(place.id):
        assert selectors.get_agreement(place.actor(), used.id).state == "draft"


@pytest.mark.parametrize("people", [[], [("Sam", "sam@signer.example"), ("Kim", "kim@signer.example")]])
def test_each_of_its_roles_is_played_by_somebody(place, people):
    template = kept(place)
    with pytest.raises(CannotBeSigned) as refused:
        templates.use_template(actor=place.actor(), template_id=template.id, use=Use("x", people, {}))
    assert refused.value.errors[0]["pointer"] == "/people"
