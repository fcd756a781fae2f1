"""From the first look to the signature, and every way in which it must not go."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from PIL import Image

from hq.db.context import tenant
from signing.actions.sending import void_agreement
from signing.models import Field
from tests.factories import make_place
from tests.signing.core.conftest import lapse
from tests.signing.signer.support import agreed, arrived, at, read, signs
from tests.signing.support import fresh, kinds, person, sent, sign, signer, signers, steps

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = """# Order

Name [[name:1 Full name]], since [[date:1]], paid [[checkbox:1 Paid?]], note [[text:1 Purpose]].

[[initials:1]] [[signature:1]] [[text:2 Witness note]] [[signature:2]]
"""
FILLED = {"field-1": "Sam Signer", "field-2": "2026-11-22", "field-4": "To work", "initials": "SS"}


@pytest.fixture
def order(place):
    return sent(place, 2, text=TEXT)


def values(agreement):
    with tenant(agreement.organization_id):
        return {one.number: one.value for one in Field.objects.filter(agreement_id=agreement.id)}


def facts(agreement):
    return json.loads(steps(agreement)[-1].document)["facts"]


def test_reading_is_a_step_and_asks_for_the_consent(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    assert client.head(at(one)).status_code == 200
    assert kinds(agreement)[-1] == "identified"
    for _ in range(2):
        words = read(one, client)
    assert kinds(agreement)[-2:] == ["identified", "viewed"]
    for part in ("Each party keeps what it learns", "paper", "Withdrawing", "Agree and go on"):
        assert part in words
    assert 'name="field-' not in words


def test_consent_is_to_the_words_that_were_shown(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    client.get(at(one))
    untold = client.post(at(one, "consent"), {"sha256": "0" * 64})
    assert (untold.status_code, "Tick that you agree" in untold.content.decode()) == (400, True)
    other = client.post(at(one, "consent"), {"agree": "yes", "sha256": "0" * 64})
    assert (other.status_code, "were replaced while you read" in other.content.decode()) == (409, True)
    assert kinds(agreement)[-1] == "viewed"
    agreed(one, client)
    assert facts(agreement)["consent"]["language"] == "en"


def test_nobody_signs_without_consent(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    client.get(at(one))
    answer = signs(one, client)
    assert (answer.status_code, signer(agreement).state) == (409, "viewed")


def test_typed_signing_fills_the_fields_and_the_label_is_the_servers(order):
    one = signer(order)
    client = agreed(one)
    page = read(one, client)
    assert 'id="field-1"' in page
    assert 'value="Sam Signer 1"' in page  # the name is proposed
    assert 'name="field-7"' not in page  # the other's
    answer = signs(one, client, **FILLED, label="I sign nothing", **{"field-3": "yes"})
    assert answer.status_code == 303
    assert values(order) == {
        1: "Sam Signer",
        2: "2026-11-22",
        3: "yes",
        4: "To work",
        5: None,
        6: None,
        7: None,
        8: None,
    }
    assert facts(order)["label"] == "Sign “Mutual non-disclosure”"
    assert facts(order)["how"] == "typed"
    assert "You have signed" in read(one, client)


def test_what_is_missing_is_listed_and_nothing_typed_is_lost(order):
    one = signer(order)
    client = agreed(one)
    answer = signs(one, client, **{"field-1": "Sam", "field-4": "", "initials": "", "text": "Sam S."})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "2 things to correct" in page
    for part in ('href="#field-4"', 'href="#field-5"', 'value="Sam"', 'value="Sam S."', 'aria-invalid="true"'):
        assert part in page
    assert signer(order).state == "consented"


def test_anothers_fields_are_left_alone(order):
    one = signer(order)
    client = agreed(one)
    assert signs(one, client, **FILLED, **{"field-7": "forged", "field-99": "x"}).status_code == 303
    assert values(order)[7] is None


def test_finishing_later_keeps_what_was_typed(order):
    one = signer(order)
    client = agreed(one)
    answer = client.post(at(one, "keep"), {"field-4": "Half a note"})
    assert answer["Location"].endswith("?kept=1")
    page = client.get(answer["Location"]).content.decode()
    assert "is kept" in page
    assert 'value="Half a note"' in page
    assert kinds(order)[-1] == "consented"
    other = arrived(signer(order, 2))
    assert "Half a note" not in read(signer(order, 2), other)


def png(size=(40, 20)):
    out = BytesIO()
    Image.new("RGB", size, "navy").save(out, "PNG")
    return out.getvalue()


def test_a_drawn_and_an_uploaded_signature_count_the_same(place):
    agreement = sent(place, 2)
    drawn, uploaded = signers(agreement)
    lines = [[[0, 0], [500, 250]], [[1000, 1000]]]
    assert signs(drawn, agreed(drawn), how="drawn", strokes=json.dumps(lines)).status_code == 303
    assert signer(agreement, 1).signature == {"how": "drawn", "strokes": lines}
    picture = SimpleUploadedFile("mine.png", png(), "image/png")
    assert signs(uploaded, agreed(uploaded), how="uploaded", image=picture).status_code == 303
    kept = signer(agreement, 2).signature or {}
    assert kept["how"] == "uploaded"
    assert base64.b64decode(kept["image"]).startswith(b"\x89PNG")
    assert fresh(agreement).state == "signed"


def test_what_is_no_signature_is_refused(place):
    one = signer(sent(place))
    client = agreed(one)
    for signature in (
        {"how": "sung"},
        {"how": "typed", "text": " "},
        {"how": "drawn", "strokes": "[[[1.5, 2]]]"},
        {"how": "drawn", "strokes": "[["},
        {"how": "drawn", "strokes": "[[[0, 1001]]]"},
        {"how": "drawn", "strokes": ""},
        {"how": "uploaded"},
        {"how": "uploaded", "image": SimpleUploadedFile("x.png", b"<svg/>", "image/png")},
        {"how": "uploaded", "image": SimpleUploadedFile("x.png", b"\x89PNG" + bytes(300_000), "image/png")},
    ):
        answer = client.post(at(one, "sign"), signature)
        assert (answer.status_code, "1 thing to correct" in answer.content.decode()) == (400, True), signature


def test_nothing_is_signed_after_the_end(place):
    agreement = sent(place)
    one = signer(agreement)
    client = agreed(one)
    with tenant(place.id):
        void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Sent to the wrong people")
    answer = signs(one, client)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "withdrawn by its sender" in page
    assert "Sent to the wrong people" in page
    late = sent(place)
    one = signer(late)
    client = agreed(one)
    lapse(late)
    assert signs(one, client).status_code == 409
    assert "The time to sign is over" in read(one, client)
    assert signer(late).signed_at is None


def test_every_act_needs_the_csrf_token_of_the_page(place):
    one = signer(sent(place))
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = arrived(one).cookies
    for act in ("consent", "keep", "sign", "decline", "delegate", "passkey"):
        assert strict.post(at(one, act), {"agree": "yes"}).status_code == 403


def test_acts_are_no_addresses_to_look_at(place):
    one = signer(sent(place))
    client = arrived(one)
    for act in ("consent", "keep", "sign"):
        assert client.get(at(one, act)).status_code == 405


def test_another_organizations_signer_is_not_there(place):
    mine, other = signer(sent(place)), signer(sent(make_place()))
    client = arrived(mine)
    for act in ("", "document.pdf", "certificate", "bundle.zip", "decline"):
        assert client.get(at(other, act)).status_code == 404


def test_declining_ends_it_for_everybody_and_needs_a_reason(place):
    agreement = sent(place, 2)
    one, other = signers(agreement)
    client, second = arrived(one), agreed(other)
    assert client.post(at(one, "decline"), {"reason": "  "}).status_code == 400
    assert client.post(at(one, "decline"), {"reason": "The price is wrong"}).status_code == 303
    assert "You have declined" in read(one, client)
    words = read(other, second)
    assert "Somebody has declined" in words
    assert "The price is wrong" not in words
    assert signs(other, second).status_code == 409


def test_who_may_hands_it_on_and_what_was_typed_stays_behind(place):
    agreement = sent(place, 1, text="[[text:1 Note]] [[signature:1]]", may_delegate=True)
    one = signer(agreement)
    client = agreed(one)
    client.post(at(one, "keep"), {"field-1": "Mine alone"})
    wrong = client.post(at(one, "delegate"), {"name": "", "email": "x"})
    assert wrong.status_code == 400
    answer = client.post(at(one, "delegate"), {"name": "Dana Deputy", "email": "dana@signer.example"})
    assert answer.status_code == 303
    assert "You have handed this on" in read(one, client)
    assert client.get(at(one, "document.pdf")).status_code == 404
    deputy = signer(agreement, 2)
    assert "Mine alone" not in read(deputy, agreed(deputy))


def test_who_may_not_hand_it_on_is_told(place):
    one = signer(sent(place))
    client = arrived(one)
    client.get(at(one))
    assert "Somebody else signs for me" not in read(one, client)
    answer = client.post(at(one, "delegate"), {"name": "Dana", "email": "dana@signer.example"})
    assert (answer.status_code, "yourself" in answer.content.decode()) == (409, True)


def test_an_approver_approves_and_a_viewer_only_reads(place):
    people = [person(1, kind="approver"), person(2, kind="viewer"), person(3)]
    agreement = sent(place, people)
    approver, viewer, _ = signers(agreement)
    client = agreed(approver)
    assert "Approve “Mutual non-disclosure”" in read(approver, client)
    assert client.post(at(approver, "sign"), {}).status_code == 303
    assert facts(agreement)["how"] == "approved"
    looking = arrived(viewer)
    words = read(viewer, looking)
    assert "Each party keeps" in words
    assert "Agree and go on" not in words
    assert looking.post(at(viewer, "consent"), {"agree": "yes", "sha256": "x"}).status_code == 409
    assert looking.post(at(viewer, "decline"), {"reason": "no"}).status_code == 409


def test_two_at_once_are_two_steps_and_one_twice_is_one(place):
    agreement = sent(place, 3)
    people = signers(agreement)
    browsers = [agreed(one) for one in people]
    one, client = people[0], browsers[0]
    again = Client()
    again.cookies = client.cookies

    def press(pair):
        try:
            return signs(*pair).status_code
        finally:
            connection.close()

    pairs = [*zip(people, browsers, strict=True), (one, again)]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(press, pairs))
    assert sorted(statuses) == [303, 303, 303, 409]
    told = steps(agreement)
    assert [step.kind for step in told].count("signed") == 3
    assert [step.index for step in told] == list(range(1, len(told) + 1))
    assert all(bytes(late.previous) == bytes(early.hash) for early, late in pairwise(told))
    assert fresh(agreement).state == "signed"


def test_the_next_in_turn_comes_in_once_the_first_has_signed(place):
    agreement = sent(place, [person(1), person(2, turn=2)], text="[[text:1 Price]] [[signature:1]] [[signature:2]]")
    first = signer(agreement)
    sign(first, values={1: "12 gold"})
    second = signer(agreement, 2)
    words = read(second, arrived(second))
    assert "12 gold" in words
    assert "Sam Signer" in words


def test_a_document_that_is_taken_along_first_is_seen_by_that(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    assert client.head(at(one, "document.pdf")).status_code == 200
    assert signer(agreement).state == "sent"
    assert client.get(at(one, "document.pdf")).status_code == 200
    assert signer(agreement).state == "viewed"
