"""What signers see, how long agreements stay, and which tables went out, over /v1: shown to whom it concerns."""

from base64 import b64decode

import pytest

from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from retention import actions as keeping
from signing.actions import bulk, templates
from signing.actions.brand import COLOUR_DEFAULT, LEAST, change_brand
from signing.actions.sending import KEPT
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support
from tests.signing.api.test_agreements_api import Api

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = b"name,email\nAda Holm,ada@holm.example\nBo,nobody\nKim Ferro,kim@ferro.example\n"


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def api(place):
    return Api(place)


def test_the_list_of_agreements_says_how_many_have_signed(place, api):
    people = [support.person(1), support.person(2), support.person(3, kind="viewer")]
    made = support.sent(place, people)
    api("post", "agreements", {"title": "Nobody yet", "text": "[[signature:1]]"})

    def listed():
        return [(row["asked"], row["signed"]) for row in api("get", "agreements").json()["items"]]

    assert listed() == [(0, 0), (2, 0)]
    support.sign(support.signer(made))
    assert listed() == [(0, 0), (2, 1)]


def test_the_brand_is_shown_with_how_well_it_can_be_read(place, api):
    unset = api("get", "agreement-brand").json()
    assert (unset["colour"], unset["mark"], unset["changed_at"]) == (COLOUR_DEFAULT, None, None)
    with tenant(place.id):
        change_brand(actor=place.actor(), colour="#123456", mark=support.png())
    body = api("get", "agreement-brand").json()
    assert (body["colour"], body["light"]["colour"]) == ("#123456", "#123456")
    assert min(body["light"]["contrast"], body["dark"]["contrast"]) >= LEAST
    assert b64decode(body["mark"]).startswith(b"\x89PNG")
    assert Api(make_place())("get", "agreement-brand").json()["mark"] is None


def test_how_long_they_stay_is_shown_with_what_holds_them(place, api):
    def shown():
        body = api("get", "agreement-retention").json()
        return body["keep_days"], body["held"]

    assert shown() == (None, False)
    with tenant(place.id):
        keeping.change_period(actor=place.actor(), name=KEPT, days=400)
        hold = keeping.place_hold(actor=place.actor(), name="Case", reason="Claim", prefixes=["a/"])
    assert shown() == (400, True)  # nothing tells which agreement belongs to a path
    with tenant(place.id):
        keeping.lift_hold(actor=place.actor(), hold_id=hold.id, reason="Settled")
    assert shown() == (400, False)


def went_out(place, actor=None):
    actor = actor or place.actor()
    made = support.make_agreement(place, actor=actor)
    with tenant(place.id):
        text = "# Mutual non-disclosure\n\nSigned: [[signature:1]]\n"
        template = templates.keep_as_template(actor=actor, agreement_id=made.id, name="NDA", text=text)
        batch = bulk.check_table(actor=actor, template_id=template.id, content=TABLE)
        return bulk.send_batch(actor=actor, batch_id=batch.id)


def test_tables_that_went_out_are_listed_newest_first_without_their_rows(place, api):
    first, second = went_out(place), went_out(place)
    run_jobs()
    listed = api("get", "agreement-batches").json()
    assert [(row["id"], row["state"], row["total"], row["sent"]) for row in listed["items"]] == [
        (str(second.id), "done", 2, 2),
        (str(first.id), "done", 2, 2),
    ]
    assert not any("rows" in row for row in listed["items"])
    one = api("get", "agreement-batches?limit=1").json()
    rest = api("get", f"agreement-batches?limit=1&cursor={one['next_cursor']}").json()
    assert [row["id"] for row in [*one["items"], *rest["items"]]] == [str(second.id), str(first.id)]
    assert rest["next_cursor"] is None
    with tenant(place.id):
        template_id = second.template_id
    api("post", f"agreement-templates/{template_id}/tables", {"table": TABLE.decode()})
    assert len(api("get", "agreement-batches").json()["items"]) == 2  # what was only read is nobody's news


def test_one_that_is_stopped_sends_nothing_more_and_is_stopped_once(place, api):
    batch = went_out(place)
    answer = api("post", f"agreement-batches/{batch.id}/stop")
    assert (answer.json()["state"], answer.json()["sent"]) == ("stopped", 0)
    again = api("post", f"agreement-batches/{batch.id}/stop")
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "not-running")
    run_jobs()
    assert api("get", "agreements?state=sent").json()["items"] == []


def test_who_does_not_read_the_trail_is_listed_their_own_tables(place, api):
    went_out(place, place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER)))
    assert len(api("get", "agreement-batches").json()["items"]) == 1
    own = Api(place, scopes=frozenset({Permission.SHARES_READ}))
    assert own("get", "agreement-batches").json()["items"] == []
    mine = went_out(place)
    assert [row["id"] for row in own("get", "agreement-batches").json()["items"]] == [str(mine.id)]
    assert Api(make_place())("get", "agreement-batches").json()["items"] == []
    assert own("get", "agreement-retention").status_code == 403
