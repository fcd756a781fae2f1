"""Several links in one step: one for each recipient, each with its own life, each shown once."""

import pytest
from django.db import connection

from hq.db.context import tenant
from sharing import actions, selectors
from sharing.actions.links import CannotBeShared, Recipient
from sharing.forms import ShareForm
from tests.factories import sign_in
from tests.sharing.conftest import RECIPIENT, link_of

INES, BERT = "ines@alderpeak.example", "Bert, the auditor"


def make(place, *recipients, **more):
    with tenant(place.id):
        return actions.create_shares(
            actor=place.actor(), paths=["claims/method.md"], recipients=recipients, ttl_seconds=900, **more
        )


def test_each_recipient_has_a_link_with_a_life_of_its_own(place):
    made = make(place, Recipient(INES, 60), Recipient(BERT))
    lives = [(one.link.recipient, (one.link.expires_at - one.link.created_at).total_seconds()) for one in made]
    assert lives == [(INES, 60), (BERT, 900)]
    assert len({one.token for one in made}) == 2
    assert len({link_of(one).batch_id for one in made}) == 1
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM sharing_sharelink AS t")
        assert INES not in str(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_one_link_is_used_up_without_the_others(place):
    first, second = make(place, Recipient(INES), Recipient(BERT))
    actions.redeem_share(token=first.token, origin=RECIPIENT)
    actions.redeem_share(token=second.token, origin=RECIPIENT)


@pytest.mark.parametrize(
    ("people", "pointer"),
    [
        ([Recipient("x")] * 51, "/recipients"),
        ([Recipient("x"), Recipient("y", 59)], "/recipients/1/ttl_seconds"),
        ([Recipient("x"), Recipient("y", 604_801)], "/recipients/1/ttl_seconds"),
        ([Recipient("x" * 121)], "/recipients/0/label"),
        ([Recipient("a\u202eb")], "/recipients/0/label"),
    ],
)
def test_a_fault_makes_no_link_and_says_where_it_is(place, people, pointer):
    with pytest.raises(CannotBeShared) as refused:
        make(place, *people)
    assert refused.value.errors[0]["pointer"] == pointer
    with tenant(place.id):
        assert selectors.list_shares(place.actor()) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ines@a.example", ("ines@a.example", None)),
        ("ines@a.example, 2 hours", ("ines@a.example", 7200)),
        ("ines@a.example,30min", ("ines@a.example", 1800)),
        ("Bert, the auditor", ("Bert, the auditor", None)),
        ("Bert, the auditor, 1 d", ("Bert, the auditor", 86_400)),
    ],
)
def test_a_line_of_the_form_names_a_recipient_and_perhaps_a_life(line, told):
    form = ShareForm({"recipients": line})
    form.is_valid()
    assert form.cleaned_data["recipients"] == [told]


def test_the_page_shows_every_link_once(place):
    client = sign_in(place.owner)
    at = f"/o/{place.slug}/live/shares/new"
    once = client.get(f"{at}?path=claims/method.md").context["form"]["once"].value()
    sent = {"path": "claims/method.md", "permission": "read", "life": "900", "once": once, "password": "correct horse"}
    page = client.post(at, {**sent, "recipients": f"{INES}, 1 day\nBert"}).content.decode()
    assert page.count("Copy Share link for") == 2
    assert page.count("/s/hqs_") >= 2
    assert INES in page
    listed = client.get(f"/o/{place.slug}/live/shares/").content.decode()
    assert "hqs_" not in listed
    assert INES in listed
