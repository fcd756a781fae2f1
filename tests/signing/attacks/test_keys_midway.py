"""Keys that end in the middle: between making and sending, and while a table of people goes out row by row."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from audit.models import AuditEvent
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from signing.actions import bulk, templates
from signing.actions.drafts import Wish
from signing.models import Agreement
from tenants import actions as tenants
from tenants.models import ApiKey, Membership, User
from tests.database import as_superuser
from tests.factories import make_api_key, make_member, make_place, run_jobs
from tests.signing.api.test_agreements_api import Api

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "# Lease\n\n[[signature:1]]\n"
PEOPLE = [{"name": "Sam", "email": "sam@signer.example"}]
TABLE = "name,email\n" + "".join(f"P{at},p{at}@a.example\n" for at in range(4))
GONE = "The API key that sent it was revoked, or its time was over."
NO_MORE = "Whoever sent it may not send any more."


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def member(place):
    return make_member(place, Role.DEVELOPER)


@pytest.fixture
def api(place, member):
    return Api(place, person=member, role=Role.DEVELOPER)


def template_by(api):
    made = api("post", "agreements", {"title": "Lease", "text": TEXT}).json()
    api("put", f"agreements/{made['id']}/signers", {"signers": PEOPLE})
    return api("post", "agreement-templates", {"agreement_id": made["id"], "name": "Lease"}).json()["id"]


@pytest.fixture
def template(api):
    return template_by(api)


def draft_by(api):
    made = api("post", "agreements", {"title": "Lease", "text": TEXT}).json()
    assert api("put", f"agreements/{made['id']}/signers", {"signers": PEOPLE}).status_code == 200
    return f"agreements/{made['id']}"


def key_of(place):
    with tenant(place.id):
        return ApiKey.objects.order_by("id").first()


def revoke(place, _):
    with tenant(place.id):
        tenants.revoke_api_key(actor=place.actor(), key_id=key_of(place).id)


def expire(place, _):
    with tenant(place.id):
        ApiKey.objects.update(expires_at=now() - timedelta(seconds=1))


def rotate(place, _, hours=0):
    with tenant(place.id):
        tenants.rotate_api_key(actor=place.actor(), key_id=key_of(place).id, grace_hours=hours)


def demote(place, member):
    with tenant(place.id):
        found = Membership.objects.get(user=member)
        tenants.change_role(actor=place.actor(), member_id=found.id, role=Role.ANALYST)


def remove(place, member):
    with tenant(place.id):
        tenants.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=member).id)


def shut_out(_, member):
    User.objects.filter(pk=member.pk).update(is_active=False)


def stand_still(place, _):
    with as_superuser() as admin:
        admin.execute("UPDATE tenants_organization SET state = 'SUSPENDED' WHERE id = %s", [place.id])


def open_again(place):
    with as_superuser() as admin:
        admin.execute("UPDATE tenants_organization SET state = 'READY' WHERE id = %s", [place.id])


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (revoke, 401),
        (expire, 401),
        (rotate, 401),
        (demote, 403),
        (remove, 401),
        (shut_out, 401),
        (stand_still, 401),
    ],
)
def test_a_key_that_ended_after_it_made_a_draft_sends_nothing(place, member, api, end, status):
    path = draft_by(api)
    end(place, member)
    for act, body in (("send", None), ("remind", None), ("void", {"reason": "x"})):
        assert api("post", f"{path}/{act}", body).status_code == status
    open_again(place)
    with tenant(place.id):
        assert Agreement.objects.get(id=path.rpartition("/")[2]).state == "draft"


def test_a_key_without_the_scope_or_of_the_other_environment_reaches_nothing(place, member, api):
    path = draft_by(api)
    reads = Api(place, person=member, role=Role.DEVELOPER, scopes=SCOPES - {Permission.SHARES_CREATE})
    assert reads("get", path).status_code == 200
    assert reads("post", f"{path}/send").status_code == 403
    other = make_api_key(place, environment_id=place.test_id, person=member, role=Role.DEVELOPER)
    for url in (f"/v1/environments/{place.live_id}/{path}", f"/v1/environments/{place.test_id}/{path}"):
        for method, act in (("get", ""), ("post", "/send"), ("delete", "")):
            answer = getattr(api.client, method)(url + act, headers={"authorization": f"Bearer {other}"})
            assert answer.status_code == 404


def sending(api, template):
    checked = api("post", f"agreement-templates/{template}/tables", {"table": TABLE}).json()
    assert api("post", f"agreement-batches/{checked['id']}/send").json()["state"] == "sending"
    return checked["id"]


@pytest.fixture
def batch(api, template):
    return sending(api, template)


@pytest.fixture
def halfway(monkeypatch):
    """Let something happen once two rows are out and the third is about to be."""
    true, seen = templates.fill_document, []

    def let(happen):
        def filling(*args, **more):
            seen.append(args)
            if len(seen) == 3:
                happen()
            return true(*args, **more)

        monkeypatch.setattr(bulk, "fill_document", filling)

    return let


SENT, STOPPED = "agreement_template:sent", "agreement_template:stopped"


def told_of(place, batch):
    open_again(place)
    reader = Api(place)  # of the owner
    found = reader("get", f"agreement-batches/{batch}").json()
    with tenant(place.id):
        events = AuditEvent.objects.filter(tag__in=[SENT, STOPPED]).order_by("index")
        said = [(event.tag, event.actor_kind, event.detail["before"], event.detail["after"]) for event in events]
        made = Agreement.objects.filter(template__isnull=False).count()
    return (found["state"], found["sent"], found["reason"]), said, made


ENDS = {
    revoke: GONE,
    expire: GONE,
    rotate: GONE,
    demote: NO_MORE,
    remove: NO_MORE,
    shut_out: NO_MORE,
    stand_still: "Nobody comes into the organization just now.",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_table_stops_with_the_key_that_sent_it_and_says_so(place, member, batch, halfway, end):
    reason = ENDS[end]
    halfway(lambda: end(place, member))
    run_jobs()
    shown, said, made = told_of(place, batch)
    assert shown == ("stopped", 2, reason)
    assert made == 2
    assert said == [
        (SENT, "api_key", None, {"agreements": 4}),
        (STOPPED, "system", {"agreements": 4}, {"agreements": 2, "stopped": reason}),
    ]


def test_a_table_goes_on_while_the_key_that_was_rotated_still_works(place, member, batch, halfway):
    halfway(lambda: rotate(place, member, hours=1))
    run_jobs()
    assert told_of(place, batch)[0][:2] == ("done", 4)


def test_what_a_key_sends_is_its_own_and_what_a_person_sends_is_theirs(place, member, api, template):
    sending(api, template)
    checked = api("post", f"agreement-templates/{template}/tables", {"table": "name,email\nZ,z@a.example\n"}).json()
    with tenant(place.id):
        person = replace(place.actor(Role.DEVELOPER, member), principal_id=Membership.objects.get(user=member).id)
        bulk.send_batch(actor=person, batch_id=UUID(checked["id"]))
    revoke(place, member)
    run_jobs()
    with tenant(place.id):
        made = Agreement.objects.filter(template_id=template)
        assert [(one.created_by_kind, one.created_by_label) for one in made] == [("person", member.label)]


def other_text(place, template):
    templates.replace_text(actor=place.actor(), template_id=template, text="# All you own\n\n[[signature:1]]\n")


def other_message(place, template):
    wish = Wish(title="Lease", message="Call this number instead.")
    with tenant(place.id):
        templates.change_template(actor=place.actor(), template_id=template, wish=wish, roles=["Signer 1"])


@pytest.mark.parametrize("change", [other_text, other_message])
def test_a_colleague_puts_no_words_into_a_table_that_another_sends(place, api, template, halfway, change):
    """Whoever may share may change a template, and each agreement goes out in the name of who sends the table."""
    checked = api("post", f"agreement-templates/{template}/tables", {"table": TABLE}).json()
    change(place, UUID(template))
    refused = api("post", f"agreement-batches/{checked['id']}/send")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "template-changed")
    batch = sending(api, template)
    again = other_message if change is other_text else other_text
    halfway(lambda: again(place, UUID(template)))
    run_jobs()
    shown, said, made = told_of(place, batch)
    assert shown[:2] == ("stopped", 2)
    assert shown[2].startswith("The template was changed meanwhile.")
    assert (made, len(said)) == (2, 2)


def test_a_template_that_is_removed_stops_its_table(place, template, batch, halfway):
    def away():
        with tenant(place.id):
            templates.remove_template(actor=place.actor(), template_id=UUID(template))

    halfway(away)
    run_jobs()
    shown, said, _ = told_of(place, batch)
    assert shown == ("stopped", 2, "The template was removed.")
    assert len(said) == 2
