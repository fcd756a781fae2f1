"""All documents of an address, and what a signer takes along."""

import json
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from hq.db.context import tenant
from jobs.models import Job
from signing.models import Code, SignerSession
from tests.factories import make_place, run_jobs
from tests.signing.signer.support import arrived, asked, at, code_for, enter, read
from tests.signing.support import pdf_of, person, sealed, sent, signer

pytestmark = pytest.mark.django_db(transaction=True)


def inbox(place):
    return f"/sign/documents/{place.id}/"


def ask(place, email, client=None):
    cache.clear()
    client = client or Client()
    return client, client.post(inbox(place), {"act": "send", "email": email})


def come_in(place, one):
    client, _ = ask(place, f" {one.email.upper()} ")
    run_jobs("network")
    return client, client.post(inbox(place), {"act": "enter", "email": one.email, "code": code_for(one)})


def test_known_and_unknown_addresses_are_answered_alike(place):
    one = signer(sent(place))
    waiting = person(9).email
    sent(place, [person(1), person(9, turn=2)])
    run_jobs("network")
    mail.outbox.clear()
    pages = [ask(place, email)[1] for email in (one.email, "nobody@signer.example", waiting)]
    assert {page.status_code for page in pages} == {200}
    words = [
        page.content.decode().replace(email, "").split("<main")[1].split("</main")[0]
        for page, email in zip(pages, (one.email, "nobody@signer.example", waiting), strict=True)
    ]
    assert "a code is on its way" in words[0]
    assert {len(each) for each in words} == {len(words[0])}
    with tenant(place.id):
        assert Job.objects.filter(kind="signing.inbox_code").count() == 3
        assert not Code.objects.exists()  # whether there is anything is looked up later, by the job
    run_jobs("network")
    assert [each.to for each in mail.outbox] == [[one.email]]


def test_the_list_shows_what_an_address_was_asked_in_this_organization_alone(place):
    one = signer(sent(place, title="First"))
    sent(place, title="Second")
    sent(place, [person(5), person(1, turn=2)], title="Not yet")
    sent(place, [person(7)], title="Of another")
    elsewhere = make_place()
    sent(elsewhere, title="Elsewhere")
    client, answer = come_in(place, one)
    assert answer.status_code == 303
    page = client.get(inbox(place)).content.decode()
    assert [title in page for title in ("First", "Second", "Not yet", "Of another", "Elsewhere")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert client.get(inbox(elsewhere)).content.decode().count("Send me a code") == 1


def test_a_document_opens_from_the_list_and_only_ones_own(place):
    one, other = signer(sent(place)), signer(sent(place, [person(7)]))
    client, _ = come_in(place, one)
    assert client.post(f"{inbox(place)}{one.id}/").status_code == 303
    assert "Mutual non-disclosure" in read(one, client)
    assert client.post(f"{inbox(place)}{other.id}/").status_code == 404
    assert Client().post(f"{inbox(place)}{one.id}/").status_code == 404
    assert client.get(at(other)).status_code == 404


def test_a_code_for_the_list_opens_no_link_and_the_other_way_round(place):
    one = signer(sent(place))
    client, _ = ask(place, one.email)
    run_jobs("network")
    from_list = code_for(one)
    assert enter(one, from_list, client).status_code == 403
    asked(one, client)
    from_link = code_for(one)
    answer = client.post(inbox(place), {"act": "enter", "email": one.email, "code": from_link})
    assert (answer.status_code, from_link == from_list) in {(403, False), (303, True)}
    # Neither is void by the other.
    assert enter(one, from_link, client).status_code == 303
    again = client.post(inbox(place), {"act": "enter", "email": one.email, "code": from_list})
    assert (again.status_code, from_link == from_list) in {(303, False), (403, True)}


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c.example", "x" * 300 + "@signer.example"])
def test_what_is_no_address_is_refused(place, email):
    _, answer = ask(place, email)
    assert (answer.status_code, "not an e-mail address" in answer.content.decode()) == (400, True)


def test_codes_for_an_address_are_limited(place):
    client, _ = ask(place, "nobody@signer.example")
    again = client.post(inbox(place), {"act": "send", "email": "nobody@signer.example"})
    assert again.status_code == 429
    assert int(again["Retry-After"]) > 0


def test_tries_at_the_list_are_limited_too(place):
    one = signer(sent(place))
    client, _ = ask(place, one.email)
    sent_codes = [{"act": "enter", "email": one.email, "code": f"{number:06}"} for number in range(31)]
    answers = [client.post(inbox(place), given).status_code for given in sent_codes]
    assert (set(answers[:-1]), answers[-1]) == ({403}, 429)


def test_a_session_of_an_address_ends(place):
    one = signer(sent(place))
    client, _ = come_in(place, one)
    assert "Mutual non-disclosure" in client.get(inbox(place)).content.decode()
    with tenant(place.id):
        row = SignerSession.objects.get()
        SignerSession.objects.all().delete()
        row.expires_at = row.made_at
        row.save(force_insert=True)
    assert "Mutual non-disclosure" not in client.get(inbox(place)).content.decode()
    assert client.post(f"{inbox(place)}{one.id}/").status_code == 404


def test_an_organization_that_is_not_there_looks_like_a_dead_link(place):
    other = "01a00000-0000-7000-8000-000000000000"
    assert Client().get(f"/sign/documents/{other}/").status_code == 404


def test_the_document_is_taken_along_before_and_after(place):
    text = signer(sent(place))
    before = arrived(text).get(at(text, "document.pdf"))
    assert before.content.startswith(b"%PDF-")
    assert before["Content-Disposition"] == 'attachment; filename="mutual-non-disclosure.pdf"'
    assert "sandbox" in before["Content-Security-Policy"]
    uploaded = pdf_of()
    one = signer(sent(place, pdf=uploaded))
    assert arrived(one).get(at(one, "document.pdf")).content == uploaded


def test_a_sealed_agreement_is_taken_along_whole(place):
    agreement = sealed(place)
    one = signer(agreement)
    client = arrived(one)
    assert "Everybody has signed" in read(one, client)
    assert b"ByteRange" in client.get(at(one, "document.pdf")).content
    with ZipFile(BytesIO(client.get(at(one, "bundle.zip")).content)) as bundle:
        assert "agreement.pdf" in bundle.namelist()
    page = client.get(at(one, "certificate")).content.decode()
    assert agreement.document.sha256 in page
    assert json.loads(client.get(at(one, "certificate.json")).content)["agreement"] == str(agreement.id)


def test_what_is_not_sealed_has_no_certificate_yet(place):
    one = signer(sent(place))
    client = arrived(one)
    for name in ("bundle.zip", "certificate", "certificate.json"):
        assert client.get(at(one, name)).status_code == 409
