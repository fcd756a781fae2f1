"""What a signer does: read, agree, fill in, sign, decline; each once, in its order, and a step with an event."""

import random
from base64 import b64encode
from datetime import date
from io import BytesIO

import pytest
from PIL import Image

from audit.models import AuditEvent
from hq.authz.actor import Origin
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from signing import consents, selectors
from signing.actions import acts
from signing.actions.acts import Standing
from signing.actions.faults import (
    AnotherConsent,
    CannotBeSigned,
    NoConsent,
    NotAllFilled,
    NotYourTurn,
    PasskeyNeeded,
)
from signing.actions.values import clean_signature
from tests.signing import support
from tests.signing.core.conftest import lapse

FILLED = """Sign: [[signature:1]] [[initials:1]]

[[name:1]] [[date:1 From]] [[date:1 Until?]] [[text:1 Company]] [[text:1 Note?]] [[checkbox:1 Agreed]]
"""
INITIALS = {"how": "typed", "text": "Sam Signer", "initials": "SS"}
VALUES = {3: "Sam Signer", 4: "2026-11-22", 6: "Alder Peak", 8: "on"}


def mailed(place):
    with tenant(place.id):
        return list(Job.objects.filter(kind="signing.mail").order_by("id").values_list("payload", flat=True))


def last_event(place):
    with tenant(place.id):
        event = AuditEvent.objects.filter(tag__startswith="agreement").latest("index")
        return event.tag, event.actor_kind, event.actor_id


def test_reading_agreeing_and_signing_are_steps_by_somebody_without_rights(place):
    agreement = support.sent(place)
    one = support.signer(agreement)
    support.sign(one)
    facts = {step.kind: step for step in support.steps(agreement)}
    assert support.kinds(agreement) == ["created", "sent", "viewed", "consented", "signed"]
    assert {step.signer_id for kind, step in facts.items() if kind in {"viewed", "consented", "signed"}} == {one.id}
    told = facts["signed"].detail
    assert (told["name"], told["email"], told["ip"]) == ("Sam Signer 1", "sam1@signer.example", "203.0.113.7")
    tag, kind, who = last_event(place)
    assert (tag, kind, who) == ("agreement:signed", "signer", one.id)
    signed = support.fresh(agreement)
    assert signed.state == "signed"
    with tenant(place.id):
        assert Job.objects.filter(kind="signing.seal", payload={"agreement": str(agreement.id)}).count() == 1


def test_looking_twice_and_agreeing_twice_are_one_step_each(place):
    agreement = support.sent(place)
    one = support.signer(agreement)
    support.consent(one)
    support.consent(one)
    assert support.kinds(agreement) == ["created", "sent", "viewed", "consented"]


def test_nobody_signs_what_they_have_not_read_and_agreed_to(place):
    agreement = support.sent(place)
    standing = support.stand(support.signer(agreement))
    with tenant(place.id):
        with pytest.raises(NotYourTurn):
            acts.give_consent(standing, sha256=consents.current("en").sha256)
        with pytest.raises(NoConsent):
            acts.sign_agreement(standing, values={}, signature=support.TYPED, label="Sign")
        acts.view_document(standing)
        with pytest.raises(AnotherConsent):
            acts.give_consent(standing, sha256="0" * 64)
        with pytest.raises(NoConsent):
            acts.sign_agreement(standing, values={}, signature=support.TYPED, label="Sign")
    assert support.kinds(agreement) == ["created", "sent", "viewed"]


def test_the_step_says_which_words_were_agreed_to_and_which_button_was_pressed(place):
    agreement = support.sent(place)
    support.sign(support.signer(agreement), label="Sign Mutual non-disclosure")
    text = consents.current("en")
    lines = {step.kind: step.document for step in support.steps(agreement)}
    assert f'"consent":{{"language":"en","sha256":"{text.sha256}","version":"{text.version}"}}' in lines["consented"]
    assert '"label":"Sign Mutual non-disclosure"' in lines["signed"]
    assert f'"consent_sha256":"{text.sha256}"' in lines["signed"]
    for line in lines.values():
        assert f'"document":{{"pages":1,"sha256":"{agreement.document.sha256}","version":1}}' in line
        assert "sam1" not in line.lower()
        assert "203.0.113.7" not in line


def test_what_has_to_be_filled_in_is_named_and_dates_are_today_unless_said(place):
    agreement = support.sent(place, 1, text=FILLED)
    one = support.signer(agreement)
    support.consent(one)
    with tenant(place.id):
        with pytest.raises(NotAllFilled) as raised:
            acts.sign_agreement(support.stand(one), values={}, signature={"how": "typed", "text": "S"}, label="Sign")
        assert [each["pointer"] for each in raised.value.errors] == [f"/values/{number}" for number in (2, 3, 6, 8)]
    with tenant(place.id):
        acts.sign_agreement(support.stand(one), values=VALUES, signature=INITIALS, label="Sign")
        values = {each.number: each.value for each in selectors.list_fields(agreement)}
    today = now().date().isoformat()
    assert values == {1: None, 2: None, 3: "Sam Signer", 4: "2026-11-22", 5: today, 6: "Alder Peak", 7: None, 8: "yes"}
    assert date.fromisoformat(today)


def test_a_place_to_sign_at_holds_the_signature_and_nothing_else(place):
    agreement = support.sent(place)
    support.sign(support.signer(agreement), values={1: "Somebody Else"})
    assert [each["value"] for each in support.steps(agreement)[-1].detail["fields"]] == [""]


@pytest.mark.parametrize(
    ("number", "value"),
    [(4, "22.11.2026"), (4, "2026-02-30"), (6, "x" * 2001), (6, "a\x00b"), (6, "a\x1bb"), (6, "100\u202e1")],
)
def test_a_value_that_a_field_cannot_have_is_named(place, number, value):
    agreement = support.sent(place, 1, text=FILLED)
    standing = support.stand(support.signer(agreement))
    with tenant(place.id), pytest.raises(CannotBeSigned) as raised:
        acts.keep_values(standing, values={number: value})
    assert raised.value.errors[0]["pointer"] == f"/values/{number}"


def test_values_are_kept_to_finish_later_and_stay_once_they_were_signed(place):
    agreement = support.sent(place, [support.person(1), support.person(2)], text=FILLED + "[[signature:2]]")
    first, second = (support.stand(one) for one in support.signers(agreement))
    with tenant(place.id):
        acts.keep_values(first, values={6: "Alder Peak"})
        acts.keep_values(second, values={3: "Somebody else"})  # of a field that is not theirs
    support.sign(support.signer(agreement), values=VALUES | {6: "Alder Peak Ltd"}, signature=INITIALS)
    with tenant(place.id):
        for act in (
            lambda: acts.keep_values(first, values={6: "Another"}),
            lambda: acts.sign_agreement(first, values={6: "Another"}, signature=INITIALS, label="Sign"),
            lambda: acts.decline_agreement(first, reason="I changed my mind"),
            lambda: acts.delegate_signing(first, name="Another", email="another@signer.example"),
            lambda: acts.give_consent(first, sha256=consents.current("en").sha256),
        ):
            with pytest.raises(NotYourTurn):
                act()
        values = {each.number: each.value for each in selectors.list_fields(agreement)}
        assert acts.view_document(first).state == "signed"
    assert (values[3], values[6]) == ("Sam Signer", "Alder Peak Ltd")
    assert support.kinds(agreement).count("signed") == 1


def test_declining_ends_it_for_everybody_and_tells_why(place):
    agreement = support.sent(place, [support.person(1), support.person(2), support.person(3, turn=2)])
    first, second, third = (support.stand(one) for one in support.signers(agreement))
    with tenant(place.id):
        for reason in (" ", "x" * 1001):
            with pytest.raises(CannotBeSigned):
                acts.decline_agreement(first, reason=reason)
        acts.decline_agreement(first, reason="The term is too long")
    ended = support.fresh(agreement)
    assert (ended.state, ended.reason, ended.ended_at is not None) == ("declined", "The term is too long", True)
    assert support.steps(agreement)[-1].detail["reason"] == "The term is too long"
    told = [(each["what"], each["signer"]) for each in mailed(place)][2:]
    assert told == [("declined", ""), ("ended", str(second.signer_id))]  # and nobody whose turn had not come
    for standing in (first, second, third):
        with tenant(place.id), pytest.raises(NotYourTurn):
            acts.view_document(standing)
    assert last_event(place)[0] == "agreement:declined"


def test_an_approver_agrees_without_a_signature_of_their_own(place):
    agreement = support.sent(place, [support.person(1, kind="approver"), support.person(2, turn=2)])
    support.sign(support.signer(agreement), label="Approve", signature={})
    assert '"how":"approved"' in support.steps(agreement)[-1].document
    assert [one.state for one in support.signers(agreement)] == ["signed", "sent"]


def test_a_viewer_has_nothing_to_do_but_to_look(place):
    agreement = support.sent(place, [support.person(1), support.person(2, kind="viewer")])
    viewer = support.stand(support.signer(agreement, 2))
    with tenant(place.id):
        assert acts.view_document(viewer).state == "viewed"
        for act in (
            lambda: acts.give_consent(viewer, sha256=consents.current("en").sha256),
            lambda: acts.keep_values(viewer, values={}),
            lambda: acts.sign_agreement(viewer, values={}, signature=support.TYPED, label="Sign"),
            lambda: acts.decline_agreement(viewer, reason="No"),
            lambda: acts.delegate_signing(viewer, name="Another", email="another@signer.example"),
        ):
            with pytest.raises(NotYourTurn):
                act()
    support.sign(support.signer(agreement))
    assert support.fresh(agreement).state == "signed"


def test_who_is_asked_for_a_passkey_does_not_sign_without(place):
    agreement = support.sent(place, [support.person(1, method="passkey")])
    one = support.signer(agreement)
    with pytest.raises(PasskeyNeeded):
        support.sign(one)
    support.sign(one, passkey={"assertion": "checked before"})
    assert '"passkey":true' in support.steps(agreement)[-1].document


def test_nothing_is_done_once_its_time_is_over(place):
    agreement = support.sent(place)
    one = support.signer(agreement)
    support.consent(one)
    lapse(agreement)
    with tenant(place.id), pytest.raises(NotYourTurn):
        acts.sign_agreement(support.stand(one), values={}, signature=support.TYPED, label="Sign")
    assert support.fresh(agreement).state == "sent"


def test_of_a_draft_nobody_has_a_turn(place):
    draft = support.make_agreement(place)
    with tenant(place.id), pytest.raises(NotYourTurn):
        acts.view_document(support.stand(support.signer(draft)))
    assert support.kinds(draft) == ["created"]


def test_somebody_of_nowhere_has_no_turn(place):
    agreement = support.sent(place)
    one = support.signer(agreement)
    with tenant(place.id), pytest.raises(NotYourTurn):
        acts.view_document(Standing(place.id, agreement.id, "code", bytes(32), Origin()))
    assert one.state == "sent"


@pytest.mark.parametrize(
    ("signature", "pointer"),
    [
        ({}, "/signature/how"),
        ({"how": "stamped"}, "/signature/how"),
        ({"how": "typed", "text": " "}, "/signature/text"),
        ({"how": "typed", "text": "a\u202eb"}, "/signature/text"),
        ({"how": "typed", "text": "x" * 121}, "/signature/text"),
        ({"how": "typed", "text": 7}, "/signature/text"),
        ({"how": "drawn"}, "/signature/strokes"),
        ({"how": "drawn", "strokes": []}, "/signature/strokes"),
        ({"how": "drawn", "strokes": [[]]}, "/signature/strokes"),
        ({"how": "drawn", "strokes": [[[0]]]}, "/signature/strokes"),
        ({"how": "drawn", "strokes": [[[0, 1001]]]}, "/signature/strokes"),
        ({"how": "drawn", "strokes": [[[0, True]]]}, "/signature/strokes"),
        ({"how": "drawn", "strokes": [[[0, 0]]] * 201}, "/signature/strokes"),
        ({"how": "drawn", "strokes": [[[0, 0]] * 5001]}, "/signature/strokes"),
        ({"how": "uploaded", "image": "AAAA"}, "/signature/image"),
        ({"how": "uploaded", "image": "no base64"}, "/signature/image"),
        ({"how": "uploaded", "image": "A" * 300_000}, "/signature/image"),
        ({"how": "typed", "text": "Sam", "initials": "\n\n"}, "/signature/initials"),
    ],
)
def test_a_signature_has_one_of_three_forms(signature, pointer):
    with pytest.raises(CannotBeSigned) as raised:
        clean_signature(signature)
    assert raised.value.errors[0]["pointer"] == pointer


def test_a_picture_has_a_size_that_a_chain_can_bear():
    noise = BytesIO()
    Image.frombytes("RGB", (300, 300), random.Random(7).randbytes(270_000)).save(noise, "PNG")
    with pytest.raises(CannotBeSigned, match="at most 200000 bytes"):
        clean_signature({"how": "uploaded", "image": b64encode(noise.getvalue()).decode()})
