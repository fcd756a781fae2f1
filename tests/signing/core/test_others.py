"""Agreements of another organization, of another environment or of a colleague look like none."""

from uuid import uuid4

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from signing import selectors
from signing.actions import acts, drafts, papers, sending
from signing.actions.drafts import Wish
from signing.actions.faults import NotYourTurn
from signing.actions.templates import get_template, keep_as_template
from signing.models import Agreement, Code, Field, Paper, Signer, SignerSession, Step
from signing.selectors import Wanted
from tests.factories import make_member, make_place
from tests.signing import support


def verbs(actor, agreement_id):
    """Everything that a member can do to an agreement, by its id."""
    more = {"actor": actor, "agreement_id": agreement_id}
    return {
        "get": lambda: selectors.get_agreement(actor, agreement_id),
        "change": lambda: drafts.change_agreement(**more, wish=Wish(title="x")),
        "signers": lambda: drafts.set_signers(**more, people=support.people_of(1)),
        "fields": lambda: drafts.set_fields(**more, places=[]),
        "send": lambda: sending.send_agreement(**more),
        "void": lambda: sending.void_agreement(**more, reason="x"),
        "remind": lambda: sending.remind_signers(**more),
        "extend": lambda: sending.extend_agreement(**more, days=1),
        "correct": lambda: sending.correct_signer(**more, signer_id=uuid4(), name="x", email="x@signer.example"),
        "remove": lambda: sending.remove_agreement(**more),
        "template": lambda: keep_as_template(**more, name="x"),
    }


def test_another_organizations_agreement_is_not_there_for_anybody(place):
    other = make_place()
    theirs = support.sent(other)
    for actor in (place.actor(), place.actor(environment_id=place.test_id)):
        for verb in verbs(actor, theirs.id).values():
            with tenant(place.id), pytest.raises(NotFound):
                verb()
    with pytest.raises(NotFound):
        drafts.replace_document(actor=place.actor(), agreement_id=theirs.id, source="pdf", content=support.pdf_of())
    with tenant(place.id):
        for model in (Agreement, Signer, Field, Step, Paper, Code, SignerSession):
            assert not model.objects.filter(organization_id=other.id).exists()
        with pytest.raises(NotYourTurn):
            acts.view_document(
                acts.Standing(place.id, support.signer(theirs).id, "code", bytes(support.signer(theirs).email_index))
            )
    with pytest.raises(NotFound):
        papers.read(place.id, theirs.document_id)


def test_live_and_test_are_apart(place):
    mine = support.make_agreement(place)
    with tenant(place.id):
        template = keep_as_template(
            actor=place.actor(), agreement_id=mine.id, name="NDA", text=support.text_for(support.people_of(1))
        )
        elsewhere = place.actor(environment_id=place.test_id)
        for verb in verbs(elsewhere, mine.id).values():
            with pytest.raises(NotFound):
                verb()
        with pytest.raises(NotFound):
            get_template(elsewhere, template.id)
        assert selectors.list_agreements(elsewhere) == []


def test_a_colleagues_agreement_is_not_there_unless_one_reads_the_trail(place):
    one, two = (make_member(place, Role.DEVELOPER) for _ in range(2))
    theirs = support.make_agreement(place, actor=place.actor(Role.DEVELOPER, one))
    with tenant(place.id):
        for verb in verbs(place.actor(Role.DEVELOPER, two), theirs.id).values():
            with pytest.raises(NotFound):
                verb()
        assert selectors.list_agreements(place.actor(Role.DEVELOPER, two)) == []
        assert [row.id for row in selectors.list_agreements(place.actor(Role.DEVELOPER, one))] == [theirs.id]
        assert [row.id for row in selectors.list_agreements(place.actor())] == [theirs.id]


def test_a_list_is_of_whom_and_of_what_was_asked_for(place):
    mine = support.make_agreement(place)
    theirs = support.make_agreement(place, actor=place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER)))
    with tenant(place.id):
        template = keep_as_template(actor=place.actor(), agreement_id=mine.id, name="NDA", text="x")
        Agreement.objects.filter(id=theirs.id).update(template=template)
        for wanted, found in (
            (Wanted(), {mine.id, theirs.id}),
            (Wanted(own=True), {mine.id}),
            (Wanted(template_id=template.id), {theirs.id}),
            (Wanted(template_id=uuid4()), set()),
            (Wanted(state="sent"), set()),
        ):
            assert {one.id for one in selectors.list_agreements(place.actor(), wanted=wanted)} == found


def test_how_far_one_is_counts_who_is_to_act_and_nobody_twice(place):
    people = [support.person(1), support.person(2), support.person(3, kind="viewer")]
    out = support.sent(place, people, may_delegate=True)
    with tenant(place.id):
        acts.delegate_signing(support.stand(support.signer(out)), name="Dana", email="dana@signer.example")
    support.sign(support.signer(out, 2))
    with tenant(place.id):
        assert selectors.count_progress(place.actor(), [out.id]) == {out.id: (1, 2)}


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ANALYST])
def test_who_may_not_share_may_not_send(place, role):
    mine = support.make_agreement(place)
    actor = place.actor(role, make_member(place, role))
    with tenant(place.id):
        for name in ("change", "signers", "fields", "send", "remind", "extend", "correct"):
            with pytest.raises((Denied, NotFound)):
                verbs(actor, mine.id)[name]()
    with pytest.raises((Denied, NotFound)):
        drafts.create_agreement(actor=actor, wish=Wish(title="x"), source="pdf", content=support.pdf_of())
