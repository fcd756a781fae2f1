"""Somebody is erased who sent, was a colleague and signed too: who they were to HQ goes, what binds others stays."""

import pytest
from django.core import mail

from hq.authz.roles import Role
from hq.db.context import tenant
from retention import actions as retention
from signing.actions import acts, bulk, bundle
from signing.actions.templates import keep_as_template
from signing.actions.upkeep import ERASED
from signing.models import Agreement, Batch, Template
from tenants.models import Membership, User
from tests.factories import make_member, make_place, run_jobs
from tests.retention.support import make_people_due, work
from tests.signing import support
from tests.verify.program import run

pytestmark = pytest.mark.django_db(transaction=True)
NAME, EMAIL = "Dana Canary", "dana.canary@alder.example"
TABLE = b"name_1,email_1,name_2,email_2\nAda,ada@holm.example,Bo,bo@holm.example\n"


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def dana(place):
    return make_member(place, Role.DEVELOPER, email=EMAIL, name=NAME)


def erase(place, person):
    with tenant(place.id):
        member = Membership.objects.get(user=person).id
        retention.request_member_erasure(actor=place.actor(), member_id=member, reason="Asked")
    make_people_due(place.id)
    work()
    run_jobs("network")


def holds(agreement, tmp_path):
    path = tmp_path / f"{agreement.id}.zip"
    path.write_bytes(bundle.bundle_of(support.fresh(agreement)))
    return run(path).returncode == 3  # whose keys they are, nobody has told it


def test_a_sender_who_signs_too_is_named_by_the_chain_alone(place, dana, tmp_path):
    actor = place.actor(Role.DEVELOPER, dana)
    people = [support.person(1), support.person(2, name=NAME, email=EMAIL)]
    over, out = (support.sent(place, people, actor=actor) for _ in range(2))
    support.sign_all(over)
    support.sign(support.signer(out, 2))
    run_jobs()
    with tenant(place.id):
        template = keep_as_template(actor=actor, agreement_id=over.id, name="NDA", text=support.text_for([]))
        bulk.check_table(actor=actor, template_id=template.id, content=TABLE)
    before = [step.detail for step in support.steps(over)]
    erase(place, dana)
    with tenant(place.id):
        assert not Membership.objects.filter(user_id=dana.pk).exists()
        for model in (Agreement, Template):
            assert {row.created_by_label for row in model.objects.all()} == {ERASED}
            assert NAME not in str([vars(row) for row in model.objects.all()])
        assert not Batch.objects.exists()
    assert not User.objects.filter(email=EMAIL).exists()
    assert [step.detail for step in support.steps(over)] == before
    assert holds(over, tmp_path)
    support.sign(support.signer(out))  # it binds the other one as well, and ends as it was begun
    mail.outbox.clear()
    run_jobs()
    run_jobs("network")
    assert support.fresh(out).state == "sealed"
    assert holds(out, tmp_path)
    told = {letter.to[0]: str(letter.body) for letter in mail.outbox}
    assert set(told) == {place.owner.email, "sam1@signer.example", EMAIL}  # to the address that signed
    assert ERASED in told[place.owner.email]
    assert NAME not in "".join(told.values())


def test_an_account_of_their_own_goes_and_what_was_handed_on_to_them_stays(place, dana, tmp_path):
    agreement = support.sent(place, may_delegate=True)
    with tenant(place.id):
        other = acts.delegate_signing(support.stand(support.signer(agreement)), name=NAME, email=EMAIL)
    support.sign(other)
    run_jobs()
    erase(place, dana)
    assert not User.objects.filter(email=EMAIL).exists()
    assert [one.name for one in support.signers(agreement)][1] == NAME
    assert holds(agreement, tmp_path)
