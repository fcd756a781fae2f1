"""Preparing: a draft may change in everything, what cannot be sent is said at its place, and nothing changes later."""

from dataclasses import replace

import pytest

from audit.models import AuditEvent
from hq.db.context import tenant
from signing.actions import drafts, papers
from signing.actions.drafts import Place, Wish
from signing.actions.faults import CannotBeSigned, NotADraft
from signing.actions.sending import send_agreement
from signing.models import Field, Paper
from signing.paper.inspect import RefusedPdf
from signing.paper.text import BadText
from tests.signing import support
from tests.signing.core.conftest import lapse
from vault.models import Blob

SPOT = Place(signer=1, kind="signature", page=1, x=0, y=0, width=100_000, height=20_000)


def pointers(raised):
    return [each["pointer"] for each in raised.value.errors]


def tags(place):
    with tenant(place.id):
        return list(
            AuditEvent.objects.filter(tag__startswith="agreement").order_by("index").values_list("tag", flat=True)
        )


def test_a_draft_changes_in_everything_and_each_change_is_an_event(place):
    made = support.make_agreement(place, 2, pdf=support.pdf_of(2))
    actor = place.actor()
    with tenant(place.id):
        wish = Wish(title="Other", message="Hello", days=5, remind_every=2, may_delegate=True)
        drafts.change_agreement(actor=actor, agreement_id=made.id, wish=wish)
    replaced = drafts.replace_document(actor=actor, agreement_id=made.id, source="pdf", content=support.pdf_of(3))
    now = support.fresh(made)
    assert (now.title, now.message, now.days, now.remind_every, now.may_delegate) == ("Other", "Hello", 5, 2, True)
    assert (now.version, now.document.pages, replaced.document_id) == (2, 3, now.document_id)
    assert now.document_id != made.document_id
    with tenant(place.id):
        assert not Field.objects.filter(agreement=made).exists()
        assert not Paper.objects.filter(id=made.document_id).exists()
        assert not Blob.objects.filter(id=made.document.blob_id, state=Blob.State.STORED).exists()
    assert papers.read(place.id, now.document_id) == support.pdf_of(3)
    assert support.kinds(made) == ["created", "replaced"]
    assert tags(place) == ["agreement:created", *["agreement:changed"] * 4]


def test_fields_stay_with_their_position_when_signers_change_and_go_with_it(place):
    people = [support.person(1), support.person(2), support.person(3)]
    made = support.make_agreement(place, people, pdf=support.pdf_of())
    with tenant(place.id):
        changed = [support.person(7), replace(people[1], kind="viewer")]
        drafts.set_signers(actor=place.actor(), agreement_id=made.id, people=changed)
        (field,) = Field.objects.filter(agreement=made).select_related("signer")
        assert (field.signer.position, field.signer.email) == (1, "sam7@signer.example")


def test_fields_are_numbered_as_they_are_read(place):
    made = support.make_agreement(place, 1, pdf=support.pdf_of(2))
    with tenant(place.id):
        spots = [replace(SPOT, page=2), replace(SPOT, y=500_000), replace(SPOT, x=500_000), SPOT]
        rows = drafts.set_fields(actor=place.actor(), agreement_id=made.id, places=spots)
    assert [(row.number, row.page, row.y, row.x) for row in rows] == [
        (1, 1, 0, 0),
        (2, 1, 0, 500_000),
        (3, 1, 500_000, 0),
        (4, 2, 0, 0),
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"signer": 2}, "/fields/0/signer"),
        ({"signer": 3}, "/fields/0/signer"),
        ({"signer": 0}, "/fields/0/signer"),
        ({"kind": "stamp"}, "/fields/0/kind"),
        ({"page": 0}, "/fields/0/page"),
        ({"page": 2}, "/fields/0/page"),
        ({"x": -1}, "/fields/0"),
        ({"width": 0}, "/fields/0"),
        ({"x": 900_001}, "/fields/0"),
        ({"y": 980_001}, "/fields/0"),
        ({"label": "x" * 121}, "/fields/0/label"),
        ({"label": "a\nb"}, "/fields/0/label"),
    ],
)
def test_a_field_lies_on_its_page_and_belongs_to_somebody_who_signs(drafted, change, pointer):
    place, made = drafted
    with tenant(place.id), pytest.raises(CannotBeSigned) as raised:
        drafts.set_fields(actor=place.actor(), agreement_id=made.id, places=[replace(SPOT, **change)])
    assert pointers(raised) == [pointer]


@pytest.fixture(name="drafted")
def _drafted(place):
    return place, support.make_agreement(
        place, [support.person(1), support.person(2, kind="viewer")], pdf=support.pdf_of()
    )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email": "nobody"}, "email"),
        ({"email": "SAM1@signer.example"}, "email"),
        ({"role": "x" * 61}, "role"),
        ({"role": "a\nb"}, "role"),
        ({"kind": "witness"}, "kind"),
        ({"method": "sms"}, "method"),
        ({"turn": 0}, "turn"),
        ({"turn": 51}, "turn"),
    ],
)
def test_a_signer_is_somebody_who_can_be_written_to_once(drafted, change, pointer):
    place, made = drafted
    people = [support.person(1), support.person(2, **change)]
    with tenant(place.id), pytest.raises(CannotBeSigned) as raised:
        drafts.set_signers(actor=place.actor(), agreement_id=made.id, people=people)
    assert pointers(raised) == [f"/signers/1/{pointer}"]


def test_there_are_1_to_50_people_and_at_most_500_fields(drafted):
    place, made = drafted
    with tenant(place.id):
        for people in ([], support.people_of(51)):
            with pytest.raises(CannotBeSigned, match="1 to 50"):
                drafts.set_signers(actor=place.actor(), agreement_id=made.id, people=people)
        with pytest.raises(CannotBeSigned, match="at most 500"):
            drafts.set_fields(actor=place.actor(), agreement_id=made.id, places=[SPOT] * 501)
        assert len(drafts.set_signers(actor=place.actor(), agreement_id=made.id, people=support.people_of(50))) == 50
        assert len(drafts.set_fields(actor=place.actor(), agreement_id=made.id, places=[SPOT] * 500)) == 500


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "a\nb"}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"message": "x" * 2001}, "/message"),
        ({"days": 0}, "/days"),
        ({"days": 366}, "/days"),
        ({"remind_every": -1}, "/remind_every"),
        ({"remind_every": 366}, "/remind_every"),
    ],
)
def test_terms_have_bounds(drafted, wish, pointer):
    place, made = drafted
    with tenant(place.id), pytest.raises(CannotBeSigned) as raised:
        drafts.change_agreement(actor=place.actor(), agreement_id=made.id, wish=Wish(**{"title": "Fine"} | wish))
    assert pointers(raised) == [pointer]


def test_what_is_no_document_is_kept_nowhere(place):
    def blobs():
        with tenant(place.id):
            return Blob.objects.count()

    before = blobs()
    for source, content, fault in (
        ("pdf", b"%PDF-1.7 nothing", RefusedPdf),
        ("text", b"\xff\xfe", BadText),
        ("text", b"[[stamp:1]]", BadText),
        ("word", b"anything", CannotBeSigned),
    ):
        with pytest.raises(fault):
            drafts.create_agreement(actor=place.actor(), wish=Wish(title="x"), source=source, content=content)
    assert blobs() == before


def test_a_text_has_some_pages_and_no_more(place, monkeypatch):
    monkeypatch.setattr(drafts, "PAGES_MOST", 1)
    content = "\n\n".join(["One line of many."] * 80).encode()
    with pytest.raises(CannotBeSigned, match="at most 1 pages"):
        drafts.create_agreement(actor=place.actor(), wish=Wish(title="x"), source="text", content=content)


def test_markers_that_ask_nobody_are_named_when_it_is_sent(place):
    made = support.make_agreement(place, 1, text="[[signature:1]] and [[signature:2]]\n")
    with tenant(place.id), pytest.raises(CannotBeSigned, match=r"Line 1 asks signer 2") as raised:
        send_agreement(actor=place.actor(), agreement_id=made.id, text="[[signature:1]] and [[signature:2]]\n")
    assert pointers(raised) == ["/text"]
    assert support.fresh(made).state == "draft"


def test_fields_of_a_text_are_its_markers(place):
    made = support.make_agreement(place, 1)
    with tenant(place.id), pytest.raises(CannotBeSigned, match="markers"):
        drafts.set_fields(actor=place.actor(), agreement_id=made.id, places=[SPOT])


def test_nothing_of_it_changes_once_it_was_sent(place):
    made = support.sent(place, 1, pdf=support.pdf_of())
    actor = place.actor()
    with tenant(place.id):
        for change in (
            lambda: drafts.change_agreement(actor=actor, agreement_id=made.id, wish=Wish(title="x")),
            lambda: drafts.set_signers(actor=actor, agreement_id=made.id, people=support.people_of(1)),
            lambda: drafts.set_fields(actor=actor, agreement_id=made.id, places=[SPOT]),
            lambda: send_agreement(actor=actor, agreement_id=made.id),
        ):
            with pytest.raises(NotADraft):
                change()
    with pytest.raises(NotADraft):
        drafts.replace_document(actor=actor, agreement_id=made.id, source="pdf", content=support.pdf_of(2))
    lapse(made)
    assert support.kinds(made) == ["created", "sent"]
