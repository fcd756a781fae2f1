"""One template to a table of people: nothing goes out unasked, and each row goes out once, wherever a worker dies."""

from uuid import uuid4

import pytest
from django.db import IntegrityError

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from jobs.models import Job
from signing.actions import bulk
from signing.actions.bulk import NotToBeSent, NotYours, check_table, get_batch, send_batch
from signing.actions.faults import CannotBeSigned
from signing.actions.sending import text_of
from signing.actions.templates import keep_as_template
from signing.models import Agreement, Batch, Paper
from tenants.models import Membership
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support

TEXT = "Between us and {company}. [[signature:1]]"
TABLE = b"name,email,company\n" + b"".join(b"P%d,p%d@a.example,Company %d\n" % (at, at, at) for at in range(4))
WITH_FAULTS = TABLE + b"Nobody,nowhere,C\n"


@pytest.fixture
def place(transactional_db):
    return make_place()


@pytest.fixture
def template(place):
    made = support.make_agreement(place, text=TEXT)
    with tenant(place.id):
        return keep_as_template(actor=place.actor(), agreement_id=made.id, name="Secrecy", text=TEXT)


def checked(place, template, table=TABLE, actor=None):
    with tenant(place.id):
        return check_table(actor=actor or place.actor(), template_id=template.id, content=table)


def send(place, batch, actor=None):
    with tenant(place.id):
        return send_batch(actor=actor or place.actor(), batch_id=batch.id)


def now_of(batch):
    with tenant(batch.organization_id):
        return Batch.objects.get(id=batch.id)


def sent_from(template):
    with tenant(template.organization_id):
        return list(Agreement.objects.filter(template_id=template.id).select_related("document").order_by("id"))


def test_nothing_is_sent_before_its_sender_says_so(place, template):
    batch = checked(place, template)
    run_jobs()
    assert (sent_from(template), now_of(batch).state, batch.total) == ([], "checked", 4)


def test_each_row_becomes_one_agreement_with_its_own_words(place, template):
    batch = send(place, checked(place, template, WITH_FAULTS))
    run_jobs()
    made = sent_from(template)
    assert [one.state for one in made] == ["sent"] * 4
    assert [text_of(one) for one in made] == [f"Between us and Company {at}. [[signature:1]]" for at in range(4)]
    assert [support.signer(one).email for one in made] == [f"p{at}@a.example" for at in range(4)]
    after = now_of(batch)
    assert (after.state, after.sent, after.reached) == ("done", 4, 5)
    assert after.rows[4]["problem"].startswith("This is not an e-mail address")
    assert all(row["people"] == [] and row["values"] == {} for row in after.rows)


class Killed(BaseException):
    """As a worker that is gone at once."""


def test_a_worker_that_dies_anywhere_sends_no_row_twice_and_leaves_none_out(place, template, monkeypatch):
    batch = send(place, checked(place, template))
    with tenant(place.id):
        papers = Paper.objects.count()
    deaths: list[str] = []
    for name in ("fill_document", "send_agreement", "insert_from"):
        true = getattr(bulk, name)

        def dying(*args, true=true, name=name, **kwargs):
            done = true(*args, **kwargs)
            if deaths.count(name) < 3:
                deaths.append(name)
                raise Killed
            return done

        monkeypatch.setattr(bulk, name, dying)
    for _ in range(20):
        try:
            run_jobs()
        except Killed:
            with tenant(place.id):  # as the reaper does once the lease is over
                Job.objects.filter(kind="signing.bulk").update(state="QUEUED", claim_id=None, lease_until=None)
    assert len(deaths) == 9
    made = sent_from(template)
    assert [support.signer(one).email for one in made] == [f"p{at}@a.example" for at in range(4)]
    assert [row["id"] for row in now_of(batch).rows] == [str(one.id) for one in made]
    with tenant(place.id):
        assert Paper.objects.count() == papers + 4


def test_it_stops_once_its_sender_may_send_no_more(place, template):
    member = make_member(place, Role.DEVELOPER)
    actor = place.actor(Role.DEVELOPER, member)
    batch = send(place, checked(place, template, actor=actor), actor)
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=Role.ANALYST)
    run_jobs()
    after = now_of(batch)
    assert (after.state, after.sent, sent_from(template)) == ("stopped", 0, [])
    assert "may not send" in after.reason


def test_it_is_sent_once_and_by_whoever_checked_it(place, template):
    batch = checked(place, template)
    other = make_member(place, Role.ADMIN)
    with pytest.raises(NotYours):
        send(place, batch, place.actor(Role.ADMIN, other))
    send(place, batch)
    with pytest.raises(NotToBeSent):
        send(place, batch)


def test_another_table_takes_the_place_of_one_that_was_not_sent(place, template):
    first, second = checked(place, template), checked(place, template)
    with tenant(place.id), pytest.raises(NotFound):
        get_batch(place.actor(), first.id)
    assert now_of(second).state == "checked"


def test_a_table_without_a_whole_row_cannot_be_sent(place, template):
    with pytest.raises(NotToBeSent):
        send(place, checked(place, template, b"name,email,company\n,,\nA,b,C\n"))


def test_a_table_that_is_none_is_refused_at_its_place(place, template):
    with pytest.raises(CannotBeSigned, match="lacks 1 column") as refused:
        checked(place, template, b"name,email\nA,a@b.example\n")
    assert refused.value.errors[0]["pointer"] == "/table"


def test_members_see_their_own_and_other_tenants_nothing(place, template):
    batch, other = checked(place, template), make_place()
    member = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    for actor, home in ((member, place), (other.actor(), other)):
        with tenant(home.id), pytest.raises(NotFound):
            get_batch(actor, batch.id)
    with tenant(other.id), pytest.raises(NotFound):
        check_table(actor=other.actor(), template_id=template.id, content=TABLE)
    with tenant(place.id), pytest.raises(NotFound):
        get_batch(place.actor(), uuid4())


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR])
def test_only_who_may_share_sends(place, template, role):
    with pytest.raises(Denied):
        checked(place, template, actor=place.actor(role))


def test_the_database_lets_nothing_be_sent_unasked(place, template):
    batch = checked(place, template)
    with tenant(place.id), pytest.raises(IntegrityError, match="signing_batch_sends_nothing_unasked"):
        Batch.objects.filter(id=batch.id).update(sent=1)
