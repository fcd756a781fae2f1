"""Keys or the store are away while somebody reads, signs or is waited for: nothing is lost, and nothing done twice."""

import pytest
from django.core.cache import cache

from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys import rings
from keys.models import Cmk
from signing import consents
from signing.models import Paper
from tests.aws import s3_proxy
from tests.aws.fixtures import kms, ministack, s3, s3_user
from tests.factories import make_place, run_jobs
from tests.signing import support
from tests.signing.core.test_chain import check, lines_of
from tests.signing.signer.support import agreed, at, read
from vault.store.s3_line import line_from_settings

__all__ = ["kms", "ministack", "s3", "s3_user"]
pytestmark = pytest.mark.django_db(transaction=True)
READS = ("", "document.pdf", "decline", "delegate")
ACTS = {
    "consent": {"agree": "yes", "sha256": consents.current("en").sha256},
    "keep": {},
    "sign": {"how": "typed", "text": "Sam Signer"},
    "decline": {"reason": "No"},
    "delegate": {"name": "Kim", "email": "kim@signer.example"},
}
ENTERS = ({"act": "send"}, {"act": "enter", "code": "123456"})


@pytest.fixture
def proxy(ministack):
    with s3_proxy.proxy_to(ministack.address) as server:
        yield server


@pytest.fixture
def place(transactional_db, kms, s3, proxy, settings):
    settings.STORE, settings.KEY_PROVIDER, settings.S3_ENDPOINT = "s3", "kms", proxy.address
    return make_place()


@pytest.fixture
def key(place, kms):
    """Its key in AWS KMS, to take away and to give back; what a process remembered of it has run out."""
    with tenant(place.id):
        ref = Cmk.objects.get(organization_id=place.id).ref

    def turn(*, on):
        (kms.client().enable_key if on else kms.client().disable_key)(KeyId=ref)
        rings.forget()

    yield turn
    turn(on=True)


def seal_again(place):
    """The job's next try is due now."""
    with tenant(place.id):
        Job.objects.filter(kind="signing.seal", state=Job.State.QUEUED).update(run_at=now())
    run_jobs()


def require_sealed_once(agreement):
    agreement = support.fresh(agreement)
    kinds = support.kinds(agreement)
    assert (agreement.state, kinds.count("signed"), kinds.count("sealed")) == ("sealed", 1, 1)
    assert check(lines_of(agreement), agreement.id, bytes(agreement.head)) == ""
    with tenant(agreement.organization_id):
        assert Paper.objects.count() == 2


def test_while_its_key_is_away_every_door_says_so_and_nothing_is_done(place, key):
    agreement = support.sent(place, may_delegate=True)
    one = support.signer(agreement)
    client, link, before = agreed(one), support.link(one), support.kinds(agreement)
    cache.clear()
    key(on=False)
    answers = [client.get(link), *(client.post(link, asked) for asked in ENTERS)]
    answers += [client.get(at(one, name)) for name in READS]
    answers += [client.post(at(one, name), given) for name, given in ACTS.items()]
    assert {answer.status_code for answer in answers} == {503}
    assert all("nothing under it can be read" in answer.content.decode() for answer in answers)
    key(on=True)
    assert support.kinds(agreement) == before
    assert client.post(at(one, "sign"), ACTS["sign"]).status_code == 303
    key(on=False)
    run_jobs()
    key(on=True)
    assert support.fresh(agreement).state == "signed"
    seal_again(place)
    require_sealed_once(agreement)


def test_a_signature_needs_no_store_and_is_sealed_once_that_is_back(place, proxy):
    agreement = support.sent(place)
    one = support.signer(agreement)
    client = agreed(one)
    before = support.kinds(agreement)
    proxy.fail("", s3_proxy.gone)
    for answer in (client.get(at(one)), client.post(at(one, "consent"), {})):
        assert answer.status_code == 503
        assert "does not answer at the moment" in answer.content.decode()
    assert support.kinds(agreement) == before
    signed = client.post(at(one, "sign"), ACTS["sign"])
    assert signed.status_code == 303
    assert "Everybody has signed" in read(one, client)
    run_jobs()
    assert support.fresh(agreement).state == "signed"
    proxy.fail("put_object", s3_proxy.done_and_gone, lasting=False)  # kept, and nobody was told
    line_from_settings().circuit.close()  # what is down is not asked for a while: that has passed
    seal_again(place)
    seal_again(place)
    require_sealed_once(agreement)
