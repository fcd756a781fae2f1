"""The fields of a template's PDF are changed in place; what came of it before stays as it is."""

from dataclasses import replace

import pytest
from django.urls import reverse

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from signing import selectors
from signing.actions import drafts, templates
from signing.actions.faults import CannotBeSigned
from signing.actions.templates import Use, places_in, replace_fields, use_template
from tests.factories import make_member, make_place, sign_in
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


def template_of(place, people, **more):
    made = support.make_agreement(place, people, **more)
    with tenant(place.id):
        if "pdf" in more:
            drafts.set_fields(actor=place.actor(), agreement_id=made.id, places=support.places_for(people))
        text = "" if "pdf" in more else support.text_for(people)
        return templates.keep_as_template(actor=place.actor(), agreement_id=made.id, name="Lease", text=text)


@pytest.fixture
def template(place):
    return template_of(place, support.people_of(2), pdf=support.pdf_of(2))


def change(place, template, places, actor=None):
    with tenant(place.id):
        return replace_fields(actor=actor or place.actor(), template_id=template.id, places=places)


def use(place, template):
    people = [("Ada", "ada@a.example"), ("Bo", "bo@a.example")]
    made = use_template(actor=place.actor(), template_id=template.id, use=Use("Lease", people, {}))
    with tenant(place.id):
        return [(one.signer.position, one.page, one.x, one.label) for one in selectors.list_fields(made)]


def url(place, name, template):
    return reverse(f"signing:{name}", kwargs={"org_slug": place.slug, "env_name": "live", "id": template.id})


def test_what_is_made_of_it_from_then_on_has_the_new_fields(place, template):
    before = use(place, template)
    first = places_in(template)[0]
    moved = [replace(first, page=2, x=400_000, label=" Here "), replace(first, signer=2, page=1, x=500_000)]
    change(place, template, moved)
    assert use(place, template) == [(2, 1, 500_000, first.label), (1, 2, 400_000, "Here")]
    assert before != use(place, template)
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="agreement_template:changed", target_id=str(template.id)).count() == 1


@pytest.mark.parametrize(
    ("wrong", "at"),
    [({"page": 3}, "/fields/0/page"), ({"signer": 3}, "/fields/0/signer"), ({"x": 999_999}, "/fields/0")],
)
def test_a_field_lies_on_its_page_and_belongs_to_a_role_that_signs(place, template, wrong, at):
    with pytest.raises(CannotBeSigned) as refused:
        change(place, template, [replace(places_in(template)[0], **wrong)])
    assert refused.value.errors[0]["pointer"] == at


def test_a_role_that_only_approves_has_no_field(place):
    one, two = support.people_of(2)
    template = template_of(place, [one, replace(two, kind="approver")], pdf=support.pdf_of(1))
    with pytest.raises(CannotBeSigned, match="belongs to somebody who signs"):
        change(place, template, [replace(places_in(template)[0], signer=2)])


def test_of_a_text_its_markers_say_it(place):
    template = template_of(place, support.people_of(1))
    with pytest.raises(CannotBeSigned, match="markers"):
        change(place, template, [])
    assert sign_in(place.owner).get(url(place, "template_fields", template)).status_code == 400


def test_only_who_may_send_changes_them(place, template):
    other = make_place()
    with pytest.raises(Denied):
        change(place, template, [], place.actor(Role.AUDITOR, make_member(place, Role.AUDITOR)))
    with tenant(other.id), pytest.raises(NotFound):
        replace_fields(actor=other.actor(), template_id=template.id, places=[])


def test_the_page_takes_them_without_a_script_and_hands_out_the_pdf(place, template):
    client, where = sign_in(place.owner), url(place, "template_fields", template)
    names = ("signer", "kind", "page", "x", "y", "width", "height", "label", "need")
    row = dict(zip(names, ("2", "signature", "1", "12.5", "70", "30", "5", "Tenant", "yes"), strict=True))
    assert 'name="x"' in client.get(where).content.decode()
    more = client.post(where, {**row, "do": "add", "new_kind": "date", "new_signer": "1"})
    assert more.content.decode().count('aria-label="Field ') >= 2
    wrong = client.post(where, {**row, "page": "9", "do": "save"})
    assert wrong.status_code == 400
    assert "The document has 2 pages." in wrong.content.decode()
    assert client.post(where, {**row, "do": "save"}).status_code == 302
    assert use(place, template) == [(2, 1, 125_000, "Tenant")]
    pdf = client.get(url(place, "template_original", template))
    assert pdf["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF")
