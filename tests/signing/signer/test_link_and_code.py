"""What a link shows to whoever has it, and what else it takes to come in."""

import re
from datetime import timedelta
from io import BytesIO

import orjson
import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from PIL import Image

from hq.db.context import tenant
from hq.lib.clock import now
from signing.actions import door
from signing.actions.brand import change_brand
from signing.actions.sending import correct_signer
from signing.models import Code, SignerSession
from signing.views.signer import masked
from tests.signing.signer.support import arrived, asked, at, code_for, enter, read
from tests.signing.support import kinds, link, person, sent, signer, steps

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = re.compile(rb'csrf-token" content="[^"]+"')
DEAD = "This link cannot be opened"


def test_a_link_says_who_asks_and_nothing_of_the_document(place):
    one = signer(sent(place, title="Merger with Birch"))
    page = Client().get(link(one))
    words = page.content.decode()
    assert page.status_code == 200
    for part in ("Olive Owner", place.organization.name, "s•••@signer.example", "testserver", "by phone"):
        assert part in words
    for secret in ("Merger", one.email, one.name):
        assert secret not in words


def test_an_address_is_masked():
    assert masked("ines@alderpeak.example") == "i•••@alderpeak.example"


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete", "patch"])
def test_a_scanner_burns_nothing(place, method):
    agreement = sent(place)
    one, before = signer(agreement), kinds(agreement)
    for _ in range(3):
        getattr(Client(), method)(link(one))
    assert mail.outbox == []
    assert kinds(agreement) == before
    arrived(one)


def test_dead_links_look_alike(place):
    waiting = signer(sent(place, [person(1), person(2, turn=2)]), 2)
    corrected = signer(sent(place))
    former = link(corrected)
    with tenant(place.id):
        correct_signer(
            actor=place.actor(),
            agreement_id=corrected.agreement_id,
            signer_id=corrected.id,
            name="Other",
            email="other@signer.example",
        )
    client = Client()
    answers = [
        (client.get(path), client.post(path, {"act": "send"}))
        for path in ("/sign/hqg_nothing", former, at(corrected), at(waiting), "/sign/nothing")
    ]
    pages = [got for got, _ in answers] + [posted for got, posted in answers if posted.status_code != 405]
    assert {page.status_code for page in pages} == {404}
    assert all(DEAD in page.content.decode() for page in pages)
    assert len({TOKEN.sub(b"", page.content) for page in pages}) == 1
    assert len({tuple(sorted((n, v) for n, v in page.headers.items() if n != "X-Request-Id")) for page in pages}) == 1


def test_careful_headers_are_on_every_answer(place):
    one = signer(sent(place))
    client = arrived(one)
    for path in (link(one), at(one), at(one, "document.pdf"), "/sign/hqg_nothing"):
        page = client.get(path)
        assert page["Cache-Control"] == "no-store"
        assert page["X-Robots-Tag"] == "noindex, nofollow"
        assert page["Referrer-Policy"] in {"no-referrer", "strict-origin"}


def test_the_code_opens_once_and_leads_to_an_address_without_a_secret(place):
    agreement = sent(place)
    one = signer(agreement)
    client = asked(one)
    code = code_for(one)
    answer = enter(one, f" {code[:3]} {code[3:]} ", client)
    assert (answer.status_code, answer["Location"]) == (303, at(one))
    (cookie,) = [cookie for name, cookie in answer.cookies.items() if "hq-sign-" in name]
    assert cookie["path"] == "/sign/"
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", settings.SECURE or "")
    assert one.name not in answer["Location"]
    assert enter(one, code, Client()).status_code == 403
    assert kinds(agreement)[-2:] == ["code_sent", "identified"]


def other_than(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_every_try_is_a_step_of_the_chain(place):
    agreement = sent(place)
    one = signer(agreement)
    client = asked(one)
    code = code_for(one)
    assert enter(one, other_than(code), client).status_code == 403
    assert enter(one, code, client).status_code == 303
    told = [orjson.loads(step.document)["facts"] for step in steps(agreement) if step.kind == "identified"]
    assert [(facts["method"], facts["outcome"]) for facts in told] == [("code", "wrong"), ("code", "ok")]


def test_five_wrong_tries_end_a_code(place):
    one = signer(sent(place))
    client = asked(one)
    code = code_for(one)
    for _ in range(door.TRIES):
        enter(one, other_than(code), client)
    assert enter(one, code, client).status_code == 403


def test_a_newer_code_ends_the_one_before(place):
    one = signer(sent(place))
    client = asked(one)
    former = code_for(one)
    asked(one, client)
    with tenant(place.id):
        assert [code.used_at is None for code in Code.objects.order_by("id")] == [False, True]
    assert code_for(one) == former or enter(one, former, client).status_code == 403
    assert enter(one, code_for(one), client).status_code == 303


@pytest.mark.parametrize(("late", "status"), [(timedelta(seconds=-5), 303), (timedelta(0), 403)])
def test_a_code_ends_after_ten_minutes_by_the_servers_clock(place, monkeypatch, late, status):
    one = signer(sent(place))
    client = asked(one)
    monkeypatch.setattr(door, "now", lambda: now() + door.CODE_LIFE + late)
    assert enter(one, code_for(one), client).status_code == status


def test_codes_and_tries_are_limited_and_the_page_says_how_long(place):
    one = signer(sent(place))
    client = asked(one)
    again = client.post(link(one), {"act": "send"})
    assert again.status_code == 429
    assert 0 < int(again["Retry-After"]) <= 30
    assert "You can try again in" in again.content.decode()
    tries = [enter(one, "000000", Client()).status_code for _ in range(door.TRIES_OF_ADDRESS[0] + 1)]
    assert tries[-1] == 429
    assert tries.count(429) == 1


def test_a_forwarded_link_opens_nothing_without_the_mailbox(place):
    one = signer(sent(place))
    mine = arrived(one)
    forwarded = Client()
    assert DEAD in read(one, forwarded)
    assert "Send me a code" in forwarded.get(link(one)).content.decode()
    assert enter(one, "", forwarded).status_code == 403
    assert DEAD not in read(one, mine)


def test_another_signers_code_and_cookie_open_nothing(place):
    agreement = sent(place, 2)
    one, other = signer(agreement, 1), signer(agreement, 2)
    client = arrived(one)
    asked(other)
    assert enter(one, code_for(other), Client()).status_code == 403
    value = next(cookie.value for name, cookie in client.cookies.items() if "hq-sign-" in name)
    thief = Client()
    for about in (other.id, place.id):
        thief.cookies[f"hq-sign-{about.hex[-12:]}"] = value
    assert DEAD in read(other, thief)
    assert thief.post(at(other, "sign"), {"how": "typed", "text": "x"}).status_code == 404


def test_a_session_ends(place):
    one = signer(sent(place))
    client = arrived(one)
    with tenant(place.id):
        row = SignerSession.objects.get()
        SignerSession.objects.all().delete()
        row.expires_at = row.made_at
        row.save(force_insert=True)
    assert DEAD in read(one, client)


def test_a_correction_shuts_out_who_came_by_the_former_address(place):
    one = signer(sent(place))
    client = arrived(one)
    with tenant(place.id):
        correct_signer(
            actor=place.actor(), agreement_id=one.agreement_id, signer_id=one.id, name="Other", email="o@signer.example"
        )
    assert DEAD in read(one, client)


def test_a_correction_of_the_name_alone_shuts_out_who_came_by_the_former_link_too(place):
    one = signer(sent(place))
    client = arrived(one)
    with tenant(place.id):
        correct_signer(
            actor=place.actor(), agreement_id=one.agreement_id, signer_id=one.id, name="Other", email=one.email
        )
    assert DEAD in read(one, client)


def test_where_the_link_is_enough_its_button_opens_the_document(place):
    one = signer(sent(place, [person(1, method="link")]))
    client = Client()
    assert "Open the document" in client.get(link(one)).content.decode()
    answer = client.post(link(one), {"act": "enter"})
    assert answer.status_code == 303
    assert "Mutual non-disclosure" in read(one, client)
    assert mail.outbox == []


def test_pages_look_as_the_organization_chose(place):
    one = signer(sent(place))
    client = Client()
    assert "colours.css" not in client.get(link(one)).content.decode()
    assert client.get(f"/sign/brand/{place.id}/mark.png").status_code == 404
    picture = BytesIO()
    Image.new("RGB", (40, 20), "navy").save(picture, "PNG")
    with tenant(place.id):
        change_brand(actor=place.actor(), colour="#7a1fa2", mark=picture.getvalue())
    for path in (link(one), f"/sign/documents/{place.id}/"):
        page = client.get(path).content.decode()
        assert f"/sign/brand/{place.id}/colours.css" in page
        assert f"/sign/brand/{place.id}/mark.png" in page
    sheet = client.get(f"/sign/brand/{place.id}/colours.css")
    assert sheet["Content-Type"] == "text/css"
    assert b"background: #7a1fa2" in sheet.content
    assert client.get(f"/sign/brand/{place.id}/mark.png").content.startswith(b"\x89PNG")
