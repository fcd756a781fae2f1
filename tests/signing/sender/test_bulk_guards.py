"""A table goes out once, whole, by whoever may still send it, and takes nothing of a colleague's with it."""

from dataclasses import replace
from uuid import UUID

import pytest

from audit.models import AuditEvent
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from jobs.models import Job
from signing.actions import bulk, templates
from signing.actions.bulk import NotToBeSent, check_table, get_batch, list_batches, send_batch
from signing.actions.drafts import Wish
from signing.actions.upkeep import ERASED, forget_maker
from signing.models import Agreement, Batch, Template
from signing.models.batches import TABLES_KEPT
from signing.tasks import sweep
from tenants.models import ApiKey, Membership, Organization
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support
from tests.signing.api.test_agreements_api import Api
from tests.signing.core.conftest import meanwhile

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = b"name,email\nAda,ada@a.example\nBo,bo@a.example\n"


@pytest.fixture
def place():
    return make_place()


def template_of(place, **more):
    made = support.make_agreement(place, **more)
    with tenant(place.id):
        text = "" if "pdf" in more else support.text_for(support.people_of(1))
        return templates.keep_as_template(actor=place.actor(), agreement_id=made.id, name="Lease", text=text)


@pytest.fixture
def template(place):
    return template_of(place)


def checked(place, template, actor=None):
    with tenant(place.id):
        return check_table(actor=actor or place.actor(), template_id=template.id, content=TABLE)


def send(place, batch, actor=None):
    with tenant(place.id):
        return send_batch(actor=actor or place.actor(), batch_id=batch.id)


def state_of(batch):
    with tenant(batch.organization_id):
        return Batch.objects.get(id=batch.id).state


def made_of(template):
    with tenant(template.organization_id):
        return Agreement.objects.filter(template_id=template.id).count()


def test_another_table_takes_the_place_of_nothing_but_ones_own_that_was_not_sent(place, template):
    colleague = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    theirs, mine = checked(place, template, colleague), send(place, checked(place, template))
    checked(place, template)
    assert (state_of(theirs), state_of(mine)) == ("checked", "sending")


def test_who_sends_it_in_two_windows_has_sent_it_once(place, template):
    batch = checked(place, template)
    actor = place.actor()
    other = meanwhile(place, lambda: send_batch(actor=actor, batch_id=batch.id), lambda: send(place, batch))
    assert other == "NotToBeSent"
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="agreement_template:sent").count() == 1


def test_who_may_only_look_sends_none_and_who_may_not_look_sees_none(place, template):
    batch, actor = checked(place, template), place.actor()
    looks = replace(actor, permissions=actor.permissions - {Permission.SHARES_CREATE})
    blind = replace(actor, permissions=actor.permissions - {Permission.SHARES_READ})
    with pytest.raises(Denied):
        send(place, batch, looks)
    with tenant(place.id):
        for look in (lambda: get_batch(blind, batch.id), lambda: list_batches(blind)):
            with pytest.raises(Denied):
                look()


def test_a_row_that_is_there_twice_goes_out_once(place, template):
    with tenant(place.id):
        batch = check_table(actor=place.actor(), template_id=template.id, content=TABLE + TABLE.splitlines(True)[1])
    send(place, batch)
    run_jobs()
    assert (state_of(batch), made_of(template)) == ("done", 2)


def test_what_was_stopped_does_not_go_on_when_its_job_is_done_again(place, template):
    member = make_member(place, Role.DEVELOPER)
    actor = place.actor(Role.DEVELOPER, member)
    batch = send(place, checked(place, template, actor), actor)
    for role in (Role.ANALYST, Role.DEVELOPER):
        with tenant(place.id):
            Membership.objects.filter(user=member).update(role=role)
            Job.objects.filter(kind="signing.bulk").update(state="QUEUED", run_at=now(), finished_at=None, result=None)
        run_jobs()
    assert (state_of(batch), made_of(template)) == ("stopped", 0)


def test_a_table_whose_template_is_gone_is_not_sent(place, template):
    batch = checked(place, template)
    with tenant(place.id):
        templates.remove_template(actor=place.actor(), template_id=template.id)
    with pytest.raises(NotToBeSent):
        send(place, batch)


def test_a_table_that_is_gone_ends_its_job(place, template):
    batch = send(place, checked(place, template))
    with tenant(place.id):
        Batch.objects.filter(id=batch.id).delete()
    run_jobs()
    with tenant(place.id):
        assert Job.objects.get(kind="signing.bulk").result == {"sent": 0}


def test_a_row_that_cannot_be_sent_leaves_no_draft(place):
    template = template_of(place, pdf=support.pdf_of(), places=[])
    batch = send(place, checked(place, template))
    run_jobs()
    with tenant(place.id):
        after = Batch.objects.get(id=batch.id)
        assert [row["problem"] for row in after.rows] == [bulk.UNSENT] * 2
    assert (after.state, after.sent, made_of(template)) == ("done", 0, 0)


def test_what_was_only_checked_is_in_no_list(place, template):
    checked(place, template)
    with tenant(place.id):
        assert list_batches(place.actor()) == []


def test_live_and_test_are_apart(place, template):
    batch = send(place, checked(place, template))
    elsewhere = place.actor(environment_id=place.test_id)
    with tenant(place.id):
        assert [one.id for one in list_batches(place.actor())] == [batch.id]
        assert list_batches(elsewhere) == []


def test_it_stops_once_its_senders_address_is_of_no_domain_that_comes_in(place, template):
    batch = send(place, checked(place, template))
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(email_domains=["elsewhere.example"])
    run_jobs()
    assert (state_of(batch), made_of(template)) == ("stopped", 0)


def test_it_stops_where_nobody_knows_how_its_sender_came_in(place, template):
    """As one that was under way before that was kept."""
    batch = send(place, checked(place, template))
    with tenant(place.id):
        Batch.objects.update(method="")
    run_jobs()
    assert (state_of(batch), made_of(template)) == ("stopped", 0)


def narrowed():
    ApiKey.objects.update(scopes=sorted(SCOPES - {Permission.SHARES_CREATE}))


def gone():
    Batch.objects.update(api_key=None)  # as the database has it once the key's row is gone


@pytest.mark.parametrize("change", [narrowed, gone])
def test_a_key_sends_no_more_than_it_may_while_it_is_there(place, template, change):
    api = Api(place)
    table = {"table": TABLE.decode()}
    batch = api("post", f"agreement-templates/{template.id}/tables", table).json()["id"]
    assert api("post", f"agreement-batches/{batch}/send").status_code == 200
    with tenant(place.id):
        change()
    run_jobs()
    with tenant(place.id):
        assert Batch.objects.get(id=UUID(batch)).state == "stopped"
    assert made_of(template) == 0


def test_a_template_that_is_changed_waits_for_the_row_that_is_being_sent(place, template):
    """Between the last look at it and the row's end nobody puts another plan in."""
    maker = place.actor()

    def change():
        with tenant(place.id):
            templates.change_template(
                actor=maker, template_id=template.id, wish=Wish(title="Other"), roles=["Signer 1"]
            )

    assert meanwhile(place, lambda: bulk._locked(maker, template), change) == ""


def ids(place):
    with tenant(place.id):
        return set(Batch.objects.values_list("id", flat=True))


def test_of_tables_only_those_that_nobody_sent_in_time_are_forgotten(place, template):
    colleague = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    sent = send(place, checked(place, template, colleague), colleague)
    run_jobs()
    old, young = checked(place, template, colleague), checked(place, template)
    with tenant(place.id):
        Batch.objects.filter(id__in=[sent.id, old.id]).update(created_at=now() - 2 * TABLES_KEPT)
    sweep()
    run_jobs()
    assert ids(place) == {sent.id, young.id}


def test_an_erased_member_takes_along_only_what_they_had_not_sent(place, template):
    colleague = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    sent = send(place, checked(place, template, colleague), colleague)
    checked(place, template, colleague)
    mine = checked(place, template)
    with tenant(place.id):
        forget_maker(place.id, colleague.id, None)
        assert set(Batch.objects.values_list("id", flat=True)) == {sent.id, mine.id}
        labels = {one.id: one.created_by_label for one in Batch.objects.all()}
        assert Template.objects.get().created_by_label == place.owner.label
    assert labels == {sent.id: ERASED, mine.id: place.owner.label}
