"""A table that is being sent is stopped by hand: nothing more goes out, and what went out stays out."""

import pytest
from django.urls import reverse

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from signing.actions import bulk, templates
from signing.actions.bulk import BY_HAND, NotRunning, check_table, list_batches, send_batch, stop_batch
from signing.models import Agreement, Batch, Signer
from tests.factories import make_member, make_place, run_jobs, sign_in
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = b"name,email\n" + b"".join(b"Person %d,p%d@a.example\n" % (at, at) for at in range(4)) + b"Wrong,nobody\n"


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def template(place):
    made = support.make_agreement(place)
    with tenant(place.id):
        text = support.text_for(support.people_of(1))
        return templates.keep_as_template(actor=place.actor(), agreement_id=made.id, name="Lease", text=text)


def under_way(place, template, actor=None):
    with tenant(place.id):
        found = check_table(actor=actor or place.actor(), template_id=template.id, content=TABLE)
        return send_batch(actor=actor or place.actor(), batch_id=found.id)


def stop(place, batch, actor=None):
    with tenant(place.id):
        return stop_batch(actor=actor or place.actor(), batch_id=batch.id)


def made_of(place, template):
    with tenant(place.id):
        return list(Agreement.objects.filter(template=template).order_by("pk"))


def url(place, name, **more):
    return reverse(f"signing:{name}", kwargs={"org_slug": place.slug, "env_name": "live", **more})


def test_what_went_out_stays_out_and_nothing_else_follows(place, template, monkeypatch):
    batch, deal_with = under_way(place, template), bulk._deal_with

    def until_two(job, running, *rest):
        deal_with(job, running, *rest)
        with tenant(place.id):
            if Batch.objects.get().sent == 2:
                stop(place, batch)

    monkeypatch.setattr(bulk, "_deal_with", until_two)
    run_jobs()
    run_jobs()
    assert len(made_of(place, template)) == 2
    with tenant(place.id):
        found = Batch.objects.get()
        assert (found.state, found.sent, found.reason) == ("stopped", 2, BY_HAND)
        assert not any(row["people"] for row in found.rows)
        events = AuditEvent.objects.filter(tag="agreement_template:stopped")
        assert [(event.actor_label, event.target_id) for event in events] == [(place.owner.label, str(template.id))]
    page = sign_in(place.owner).get(url(place, "batch", id=batch.id)).content.decode()
    assert "<b>2</b> of 4 agreements went out" in page
    assert BY_HAND in page
    for one in made_of(place, template):
        assert f'href="{url(place, "agreement", id=one.id)}"' in page
    assert page.count("Person ") == 2
    assert "–" not in page.split("<tbody")[1].split("</tbody>")[0]


def test_it_is_stopped_once_and_only_while_it_is_being_sent(place, template):
    with tenant(place.id):
        waits = check_table(actor=place.actor(), template_id=template.id, content=TABLE)
    with pytest.raises(NotRunning):
        stop(place, waits)
    batch = under_way(place, template)
    stop(place, batch)
    with pytest.raises(NotRunning):
        stop(place, batch)
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="agreement_template:stopped").count() == 1


def test_only_who_sees_it_and_may_end_agreements_stops_it(place, template):
    member = make_member(place, Role.DEVELOPER)
    batch = under_way(place, template)
    with pytest.raises(NotFound):
        stop(place, batch, place.actor(Role.DEVELOPER, member))
    with pytest.raises(Denied):
        stop(place, batch, place.actor(Role.AUDITOR, make_member(place, Role.AUDITOR)))
    stop(place, batch, place.actor(Role.ADMIN, make_member(place, Role.ADMIN)))
    assert made_of(place, template) == []


def test_the_page_has_the_button_while_it_is_sent_and_the_list_names_every_table(place, template):
    browser = sign_in(place.owner)
    assert "Nothing sent to many yet" in browser.get(url(place, "batches")).content.decode()
    batch = under_way(place, template)
    where = url(place, "stop_batch", id=batch.id)
    assert where in browser.get(url(place, "batch", id=batch.id)).content.decode()
    assert "0 of 4" in browser.get(url(place, "batches")).content.decode()
    assert browser.post(where).status_code == 302
    page = browser.get(url(place, "batch", id=batch.id)).content.decode()
    assert where not in page
    assert "0 of 4 agreements went out before." in page
    assert "Stopped" in browser.get(url(place, "batches")).content.decode()


def test_the_list_goes_on_where_a_page_ends_and_shows_no_colleagues(place, template):
    rows = [under_way(place, template) for _ in range(3)]
    with tenant(place.id):
        newest = list_batches(place.actor(), limit=2)
        assert [one.id for one in newest] == [rows[2].id, rows[1].id]
        assert [one.id for one in list_batches(place.actor(), before=newest[-1].id)] == [rows[0].id]
        other = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
        assert list_batches(other) == []


def test_one_that_was_removed_since_is_told_as_that(place, template):
    batch = under_way(place, template)
    run_jobs()
    first = made_of(place, template)[0]
    with tenant(place.id):
        names = [one.name for one in Signer.objects.filter(agreement=first)]
    client = sign_in(place.owner)
    assert names[0] in client.get(url(place, "batch", id=batch.id)).content.decode()
    client.post(url(place, "void", id=first.id), {"reason": "Sent in error"})
    assert "Voided" in client.get(url(place, "batch", id=batch.id)).content.decode()
    client.post(url(place, "remove", id=first.id), {"confirm": first.title})
    page = client.get(url(place, "batch", id=batch.id)).content.decode()
    assert "Removed since" in page
    assert names[0] not in page
