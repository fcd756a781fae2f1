"""Links, codes and forms of somebody else, of another time, or sent again with other words: none does anything."""

import json
from collections import Counter

import pytest
from django.core.cache import cache
from django.test import Client

from audit.models import AuditEvent
from hq.db.context import tenant
from signing.actions import acts, inbox, sending
from signing.models import Field
from signing.tasks import sweep
from tests.factories import ORIGIN, make_place, run_jobs
from tests.signing import support
from tests.signing.core.conftest import lapse
from tests.signing.core.test_races import holds, signing, together, within
from tests.signing.signer.support import agreed, arrived, asked, at, code_for, enter, signs

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "# Order\n\n[[text:1 Price]] [[signature:1]] [[text:2 Note?]] [[signature:2]]\n"
ROUNDS = 4
ACTS = {
    "consent": {"agree": "yes", "sha256": "0" * 64},
    "keep": {"field-1": "1"},
    "sign": {"how": "typed", "text": "X", "field-1": "1"},
    "decline": {"reason": "No"},
    "delegate": {"name": "Kim", "email": "kim@signer.example"},
    "passkey": {"act": "create", "credential": "{}"},
}


@pytest.fixture
def place():
    return make_place()


def rows(agreement):
    with tenant(agreement.organization_id):
        fields = [(one.number, one.value) for one in Field.objects.filter(agreement=agreement).order_by("number")]
    return fields, [(one.state, one.signature) for one in support.signers(agreement)], support.kinds(agreement)


def forged_posts(one, client):
    return {name: client.post(at(one, name), given).status_code for name, given in ACTS.items()}


def test_a_code_for_the_list_opens_no_document_and_one_for_a_document_no_list(place):
    one = support.signer(support.sent(place))
    client = asked(one)
    of_document = code_for(one)
    inbox.ask_for_documents(organization_id=place.id, email=one.email, origin=ORIGIN)
    cache.clear()
    run_jobs("network")
    of_list = code_for(one)
    path = f"/sign/documents/{place.id}/"
    wrong = client.post(path, {"act": "enter", "email": one.email, "code": of_document})
    assert wrong.status_code == 403 or of_list == of_document
    assert enter(one, of_list, client).status_code == 403 or of_list == of_document
    assert enter(one, of_document, client).status_code == 303


def test_a_link_of_one_environment_or_tenant_is_none_of_another(place):
    """The same people and the same title everywhere: tokens differ, and a cookie of one shows nothing of another."""
    mine = support.sent(place)
    test = support.sent(place, actor=place.actor(environment_id=place.test_id))
    other = support.sent(make_place())
    ones = [support.signer(each) for each in (mine, test, other)]
    assert len({support.link(one) for one in ones}) == 3
    client = arrived(ones[0])
    (value,) = [cookie.value for name, cookie in client.cookies.items() if "hq-sign-" in name]
    for one in ones[1:]:
        thief = Client()
        thief.cookies[f"hq-sign-{one.id.hex[-12:]}"] = value
        assert set(forged_posts(one, thief).values()) == {404}
        assert enter(one, code_for(ones[0]), thief).status_code == 403
    tokens = ("hqg_" + "A" * 43, value, support.link(ones[0]).rpartition("/")[2][:-1], "hd_live_" + "a" * 32)
    for token in tokens:
        assert Client().post(f"/sign/{token}", {"act": "send"}).status_code == 404


@pytest.mark.parametrize("how", ["corrected", "delegated", "voided", "expired", "declined"])
def test_who_came_in_before_does_nothing_after_it_was_somebody_elses_or_over(place, how):
    agreement = support.sent(place, 2, text=TEXT, may_delegate=True)
    one, other = support.signers(agreement)
    client = agreed(one) if how != "corrected" else arrived(one)
    link = support.link(one)
    with tenant(place.id):
        who = {"actor": place.actor(), "agreement_id": agreement.id}
        if how == "corrected":
            sending.correct_signer(**who, signer_id=one.id, name="Kim", email="kim@signer.example")
        elif how == "delegated":
            acts.delegate_signing(support.stand(one), name="Dana", email="dana@signer.example")
        elif how == "voided":
            sending.void_agreement(**who, reason="Other terms")
        elif how == "declined":
            acts.decline_agreement(support.stand(other), reason="No")
    if how == "expired":
        lapse(agreement)
    before = rows(agreement)
    answers = forged_posts(one, client)
    assert set(answers.values()) <= {400, 404, 409}, answers
    assert rows(agreement) == before
    if how == "corrected":
        assert {client.get(link).status_code, client.post(link, {"act": "send"}).status_code} == {404}


def test_what_was_signed_stays_however_often_the_form_comes_again_with_other_words(place):
    agreement = support.sent(place, 2, text=TEXT)
    one = support.signer(agreement)
    here, there = agreed(one), arrived(one)
    given = {"field-1": "100", "document": "0" * 64, "sha256": "0" * 64, "label": "I owe nothing", "state": "signed"}
    assert signs(one, here, **given).status_code == 303
    before = rows(agreement)
    for client in (here, there):
        assert signs(one, client, **given | {"field-1": "1", "text": "Somebody Else"}).status_code == 409
        assert client.post(at(one, "keep"), {"field-1": "2", "field-3": "3"}).status_code == 409
    assert rows(agreement) == before
    assert before[0][0] == (1, "100")
    facts = json.loads(support.steps(agreement)[-1].document)["facts"]
    assert facts["document"]["sha256"] == support.fresh(agreement).document.sha256
    assert facts["label"] == "Sign “Mutual non-disclosure”"


def test_fields_of_another_are_not_filled_in_along_with_ones_own(place):
    agreement = support.sent(place, 2, text=TEXT)
    one = support.signer(agreement)
    assert signs(one, agreed(one), **{"field-1": "100", "field-3": "I pay all", "field-4": "x"}).status_code == 303
    assert [value for _, value in rows(agreement)[0]] == ["100", None, None, None]


def test_a_code_is_spent_by_one_of_two_browsers(place):
    one = support.signer(support.sent(place))
    asked(one)
    code = code_for(one)
    answers: Counter[int] = Counter()

    def come():
        answers[enter(one, code, Client()).status_code] += 1

    assert together(*[come] * 6) == [""] * 6
    assert answers[303] == 1
    assert answers[303] + answers[403] == 6


def test_more_time_and_the_end_of_it_at_once_leave_one_of_both(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place)
        one = support.signer(agreement)
        support.consent(one)
        more = within(place, sending.extend_agreement, actor=place.actor(), agreement_id=agreement.id, days=5)
        lapse(agreement)
        sweep()
        extended, _, signed = together(more, run_jobs, signing(place, one))
        assert (extended, signed) == ("NotSent", "NotYourTurn")  # what is over is not given more time
        sweep()
        run_jobs()
        assert support.kinds(agreement)[-1] == "expired"
        assert holds(agreement)


def test_of_everything_that_ends_one_at_once_one_thing_ends_it(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place, 2, may_delegate=True)
        one, other = support.signers(agreement)
        support.consent(one)
        who = {"actor": place.actor(), "agreement_id": agreement.id}
        ended = together(
            signing(place, one),
            within(place, acts.decline_agreement, support.stand(one), reason="No"),
            within(place, acts.decline_agreement, support.stand(other), reason="Never"),
            within(place, acts.delegate_signing, support.stand(one), name="Kim", email="kim@signer.example"),
            within(place, sending.void_agreement, **who, reason="Too late"),
            within(place, sending.extend_agreement, **who, days=9),
        )
        kinds = Counter(support.kinds(agreement))
        assert kinds["declined"] + kinds["voided"] == 1, ended
        assert kinds["signed"] + kinds["delegated"] <= 1
        assert set(ended) <= {"", "NotYourTurn", "NotSent"}
        assert holds(agreement)
        with tenant(place.id):
            tags = AuditEvent.objects.filter(target_id=str(agreement.id)).values_list("tag", flat=True)
            assert {kind: kinds[kind] for kind in ("signed", "declined", "voided", "extended")} == {
                kind: list(tags).count(f"agreement:{kind}") for kind in ("signed", "declined", "voided", "extended")
            }
