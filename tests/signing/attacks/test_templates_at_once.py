"""Templates that are used, changed and let go of at once, and what is filled into them."""

from threading import Thread

import pytest
from django.db import connections, transaction

from hq.db.context import tenant
from signing.actions import sending, templates
from signing.actions.faults import CannotBeSigned, TemplateChanged
from signing.actions.templates import Use
from signing.models import Agreement, Paper
from signing.paper.render import CannotBeDrawn
from tests.factories import make_place
from tests.signing import support
from tests.signing.attacks.test_in_whose_name import wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


def template_of(place, text):
    made = support.make_agreement(place, text=text)
    with tenant(place.id):
        return made, templates.keep_as_template(actor=place.actor(), agreement_id=made.id, name="NDA", text=text)


def fill(place, template, value):
    return templates.fill_document(template, place.actor(), {"it": value})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[[text:1 {it}]] [[signature:1]]", "Company?"),
        ("Of `{it}` and [[signature:1]] `so on`.", "`"),
    ],
)
def test_what_is_filled_in_changes_no_field(place, text, value):
    _, template = template_of(place, text)
    assert [marker[0] for marker in templates._asked(fill(place, template, "Holm").text)][-1] == "signature"
    with pytest.raises(CannotBeSigned, match="would change the fields"):
        fill(place, template, value)


def test_a_draft_has_the_text_that_was_looked_at_or_is_not_made(place):
    text = "Plain. [[signature:1]]"
    _, template = template_of(place, text)
    with tenant(place.id):
        before = templates.get_template(place.actor(), template.id)
    filled = templates.fill_document(before, place.actor(), {})
    templates.replace_text(actor=place.actor(), template_id=template.id, text="Other. [[signature:1]]")
    use = Use("One", [("Ada", "ada@holm.example")], {})
    with tenant(place.id), pytest.raises(TemplateChanged):
        templates.insert_from(place.actor(), filled, use)
    assert templates.use_template(actor=place.actor(), template_id=template.id, use=use).state == "draft"


def test_of_two_who_let_go_of_a_document_at_once_the_last_removes_it(place):
    made, template = template_of(place, "Plain. [[signature:1]]")
    shared = made.document_id
    with tenant(place.id):
        assert template.document_id == shared

    def replace():
        try:
            templates.replace_text(actor=place.actor(), template_id=template.id, text="Other. [[signature:1]]")
        finally:
            connections.close_all()

    other = Thread(target=replace)
    with transaction.atomic(), tenant(place.id):
        sending.remove_agreement(actor=place.actor(), agreement_id=made.id)
        other.start()
        wait_until_somebody_waits()
    other.join(timeout=20)
    with tenant(place.id):
        assert not Agreement.objects.exists()
        assert list(Paper.objects.values_list("id", flat=True)) != []
        assert not Paper.objects.filter(id=shared).exists()


@pytest.mark.parametrize("endless", ["a" * 40_000, "東京" * 15_000, ("b" * 60 + " ") * 1_000])
def test_a_paragraph_that_cannot_be_printed_is_refused_and_no_fault_of_ours(place, endless):
    with pytest.raises(CannotBeDrawn, match="paragraph"):
        support.make_agreement(place, text=f"{endless} [[signature:1]]")
