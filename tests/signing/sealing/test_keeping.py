"""How long agreements stay: for good, unless the organization or a template says otherwise; until a hold is lifted.

And what becomes of them when keys are rotated, members or the organization erased, and everything is taken along.
"""

import json
from datetime import timedelta
from hashlib import sha256

import pytest

from audit.models import AuditEvent
from exports.registry import Scope
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from retention import actions as retention
from retention.models import Enforcement
from signing.actions import bundle, papers, sending
from signing.actions.faults import StillKept
from signing.models import Agreement, Field, Paper, SealKey, Signer, Step, Template
from tests.exports.support import Pair, made, opened
from tests.factories import make_member, make_place, run_jobs
from tests.keys.support import rotate
from tests.retention.support import ask, make_due, make_people_due, work
from tests.signing import support
from vault.models import Blob
from vault.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def place():
    return make_place()


def end_before(agreement, days, template=None):
    """As if it had ended so many days ago, by a template perhaps."""
    with tenant(agreement.organization_id):
        Agreement.objects.filter(id=agreement.id).update(ended_at=now() - days * DAY, template=template)


def template_of(place, agreement, **values):
    with tenant(place.id):
        return Template.objects.create(
            organization_id=place.id,
            environment_id=place.live_id,
            name="Lease",
            source="text",
            document_id=agreement.document_id,
            plan={},
            created_by_kind="person",
            created_by_id=place.owner.pk,
            created_by_label="Olive",
            **values,
        )


def tomorrow(place):
    with tenant(place.id):
        Enforcement.objects.update(at=now() - 2 * DAY)
    work()


def left(place):
    with tenant(place.id):
        return set(Agreement.objects.values_list("id", flat=True))


def test_what_is_over_stays_for_good_until_the_organization_says_otherwise(place):
    old, young, out = support.sealed(place), support.sealed(place), support.sent(place)
    end_before(old, 10_000)
    work()
    assert left(place) == {old.id, young.id, out.id}
    with tenant(place.id):
        retention.change_period(actor=place.actor(), name="signing.agreements", days=365)
    tomorrow(place)
    assert left(place) == {young.id, out.id}
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="agreement:removed")
        assert event.detail["before"]["pdf_sha256"] == old.final.sha256
        assert event.detail["before"]["head"] == bytes(old.head).hex()
        for model in (Step, Signer, Field):
            assert not model.objects.filter(agreement_id=old.id).exists()
        assert Paper.objects.count() == 3
    sweep()
    run_jobs()
    with tenant(place.id):
        assert Blob.objects.count() == 3


def test_a_template_says_how_long_and_may_hold_what_came_of_it(place):
    short, held, free = (support.sealed(place) for _ in range(3))
    end_before(short, 12, template_of(place, short, keep_days=10))
    end_before(held, 12, template_of(place, held, keep_days=10, held=True))
    end_before(free, 12)
    work()
    assert left(place) == {held.id, free.id}
    with pytest.raises(StillKept), tenant(place.id):
        sending.remove_agreement(actor=place.actor(), agreement_id=held.id)


def test_what_a_template_says_goes_before_what_the_organization_says(place):
    held, longer, young, free = (support.sealed(place) for _ in range(4))
    end_before(held, 400, template_of(place, held, held=True))
    end_before(longer, 400, template_of(place, longer, keep_days=1_000))
    end_before(young, 12, template_of(place, young, keep_days=20))
    end_before(free, 400, template_of(place, free))
    with tenant(place.id):
        retention.change_period(actor=place.actor(), name="signing.agreements", days=365)
    tomorrow(place)
    assert left(place) == {held.id, longer.id, young.id}


def test_a_legal_hold_keeps_them_from_the_beat_and_from_people(place):
    agreement = support.sealed(place)
    end_before(agreement, 12, template_of(place, agreement, keep_days=10))
    with tenant(place.id):
        hold = retention.place_hold(actor=place.actor(), name="Case 7", reason="Court order", prefixes=[])
    work()
    assert left(place) == {agreement.id}
    with pytest.raises(StillKept), tenant(place.id):
        sending.remove_agreement(actor=place.actor(), agreement_id=agreement.id)
    with tenant(place.id):
        retention.lift_hold(actor=place.actor(), hold_id=hold.id, reason="Settled")
    tomorrow(place)
    assert left(place) == set()


def test_a_rotation_takes_rows_and_documents_along_and_everything_still_holds(place):
    agreement, out = support.sealed(place, pdf=support.pdf_of(2)), support.sent(place, 2)
    assert agreement.final_id
    before = papers.read(place.id, agreement.final_id)
    with tenant(place.id):
        blobs = set(Paper.objects.values_list("blob_id", flat=True))
    rotation = rotate(place)
    assert (rotation.state, rotation.unopened) == ("DONE", 0)
    with tenant(place.id):
        assert not blobs & set(Paper.objects.values_list("blob_id", flat=True))
        assert SealKey.objects.get().key.startswith("-----BEGIN PRIVATE KEY-----")
    assert papers.read(place.id, agreement.final_id) == before
    assert bundle.bundle_of(support.fresh(agreement))
    support.sign_all(out)
    run_jobs()
    assert support.fresh(out).state == "sealed"


def test_nothing_of_them_is_left_of_an_erased_organization(place):
    agreement = support.sealed(place, 2)
    template_of(place, agreement)
    support.sent(place, pdf=support.pdf_of())
    ask(place)
    make_due(place.id)
    work()
    with tenant(place.id):
        for model in (Agreement, Signer, Field, Step, Paper, Template, SealKey, Blob):
            assert not model.objects.filter(organization_id=place.id).exists(), model


def test_an_erased_member_is_no_longer_named_beside_what_they_made(place):
    person = make_member(place, Role.DEVELOPER, name="Dana")
    theirs = support.sealed(place, actor=place.actor(Role.DEVELOPER, person))
    ours = support.sealed(place)
    assert theirs.membership_id
    with tenant(place.id):
        retention.request_member_erasure(actor=place.actor(), member_id=theirs.membership_id, reason="Asked")
    make_people_due(place.id)
    work()
    assert support.fresh(theirs).created_by_label == "Erased member"
    assert support.fresh(ours).created_by_label == "Olive Owner"
    assert bundle.bundle_of(support.fresh(theirs))


def test_exports_hold_documents_chains_and_certificates(place, tmp_path):
    person = make_member(place, Role.DEVELOPER, name="Dana")
    theirs = support.sealed(place, actor=place.actor(Role.DEVELOPER, person))
    ours = support.sealed(place, pdf=support.pdf_of())
    draft = support.make_agreement(place)
    pair = Pair()
    whole = opened(place, made(place, Scope.ORGANIZATION, pair.lock), pair, tmp_path).members
    names = {name for name in whole if name.startswith("agreements/")}
    common = ("chain.jsonl", "certificate.json")
    proofs = ("event-proof.json", "statement.json", "consent-en-1.txt")
    assert names == {
        f"agreements/live/{agreement.id}/{name}"
        for agreement, files in (
            (theirs, ("original.md", "agreement.pdf", *common, *proofs)),
            (ours, ("original.pdf", "agreement.pdf", *common, *proofs)),
            (draft, ("original.md", *common)),
        )
        for name in files
    }
    folder = f"agreements/live/{ours.id}"
    assert sha256(whole[f"{folder}/agreement.pdf"]).hexdigest() == ours.final.sha256
    assert whole[f"{folder}/certificate.json"] == bundle.certificate_json(ours)
    assert len(whole[f"{folder}/chain.jsonl"].splitlines()) == ours.length
    actor = place.actor(Role.DEVELOPER, person)
    export = made(place, Scope.OWN, pair.lock, actor)
    own = opened(place, export, pair, tmp_path, actor)
    assert {name.split("/")[2] for name in own.members if name.startswith("agreements/")} == {str(theirs.id)}
    assert [row["id"] for row in own.table("own_signing_agreement")] == [str(theirs.id)]
    assert json.loads(own.members[f"agreements/live/{theirs.id}/certificate.json"])["sender"]["name"] == "Dana"
