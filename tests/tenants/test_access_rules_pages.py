"""The portal's page of access rules: for owners, for auditors, and for whoever holds admin on one folder."""

import re

import pytest

from hq.authz.levels import Level
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions
from tenants.models import AclEntry
from tests.factories import make_place, sign_in
from tests.tenants.support import member_of, only_rules

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(place):
    return sign_in(place.owner)


def give(place, prefix, level, member):
    with tenant(place.id):
        return actions.give_access(actor=place.actor(), prefix=prefix, level=level, membership_id=member.id)


def rules(place):
    with tenant(place.id):
        return [
            (entry.prefix, Level(entry.level), entry.membership_id) for entry in AclEntry.objects.order_by("prefix")
        ]


def page(client, place, name="access/", /, **query):
    response = client.get(f"/o/{place.slug}/live/{name}", query)
    return response, response.content.decode()


def post(client, place, path, **data):
    return client.post(f"/o/{place.slug}/live/{path}", data)


def test_access_is_given_changed_withdrawn_and_given_back(place, owner):
    ann = member_of(place, Role.AUDITOR, "Ann Auditor")
    sent = post(owner, place, "access/new", folder="reports", who=str(ann.id), level="read")
    assert sent.status_code == 302
    assert rules(place) == [("reports/", Level.READ, ann.id)]
    with tenant(place.id):
        entry = AclEntry.objects.get()
    post(owner, place, f"access/{entry.id}/level", level="admin")
    assert rules(place) == [("reports/", Level.ADMIN, ann.id)]
    back = post(owner, place, f"access/{entry.id}/withdraw")["Location"]
    assert rules(place) == []
    shown = owner.get(back).content.decode()
    assert "Give it back" in shown
    form = re.search(r'action="([^"]*access/new[^"]*)"', shown)
    fields = dict(re.findall(r'<input type="hidden" name="(folder|who|level)" value="([^"]*)"', shown))
    assert form
    owner.post(form[1], fields)
    assert rules(place) == [("reports/", Level.ADMIN, ann.id)]
    assert "Give it back" not in owner.get(back).content.decode()


def test_an_offer_to_give_back_that_hq_did_not_sign_is_no_offer(place, owner):
    ann = member_of(place)
    for undo in ("x", f'["{ann.id}","",3]', "W10:1a:b"):
        response, shown = page(owner, place, undo=undo)
        assert response.status_code == 200
        assert "Give it back" not in shown


def test_an_offer_to_give_back_is_for_who_withdrew_and_where(place, owner):
    ann = member_of(place, Role.ADMIN)
    give(place, "a/", Level.READ, member_of(place))
    with tenant(place.id):
        entry = AclEntry.objects.get()
    back = post(sign_in(ann.user), place, f"access/{entry.id}/withdraw")["Location"]
    assert "Give it back" in sign_in(ann.user).get(back).content.decode()
    assert "Give it back" not in owner.get(back).content.decode()
    assert "Give it back" not in sign_in(ann.user).get(back.replace("/live/", "/test/")).content.decode()


def test_filters_stand_in_the_address(place, owner):
    ann, ben = member_of(place, name="Ann"), member_of(place, name="Ben")
    for prefix, member in (("", ann), ("a/", ben), ("a/b/", ann), ("b/", ben)):
        give(place, prefix, Level.READ, member)

    def found(**query):
        return re.findall(r'title="([^"]*)">(?:Every file|\w+/)', page(owner, place, **query)[1])

    assert found() == ["", "a/", "a/b/", "b/"]
    assert found(path="a/b/file") == ["", "a/", "a/b/"]
    assert found(path="a/") == ["", "a/", "a/b/"]
    assert found(who=str(ben.id)) == ["a/", "b/"]
    assert found(path="a/", who=str(ben.id)) == ["a/"]
    assert page(owner, place, path="../x")[0].status_code == 400


def test_it_says_what_opens_files(place, owner):
    assert "a role that reads or writes files does so everywhere" in page(owner, place)[1]
    only_rules(place)
    assert "only rules open files" in page(owner, place)[1]


def test_whoever_holds_admin_on_a_folder_works_there_and_is_shown_no_other(place):
    ann, ben = member_of(place, Role.ANALYST), member_of(place, Role.AUDITOR)
    give(place, "team/", Level.ADMIN, ann)
    hidden = give(place, "secret-place/", Level.READ, ben)
    client = sign_in(ann.user)
    response, shown = page(client, place)
    assert response.status_code == 200
    assert "team/" in shown
    assert "secret-place" not in shown
    assert "<tbody" not in page(client, place, path="secret-place/")[1]
    assert "secret-place" not in page(client, place, who=str(ben.id))[1]
    assert "team/" in page(client, place, "access/new")[1]
    assert post(client, place, "access/new", folder="team/x", who=str(ben.id), level="write").status_code == 302
    refused = post(client, place, "access/new", folder="secret-place", who=str(ben.id), level="write")
    assert (refused.status_code, "below team/" in refused.content.decode()) == (400, True)
    for verb in ("level", "withdraw"):
        assert post(client, place, f"access/{hidden.id}/{verb}", level="admin").status_code == 404
    assert page(client, place, "access/explorer", path="team/x")[0].status_code == 403
    assert ("secret-place/", Level.READ, ben.id) in rules(place)


def test_an_auditor_reads_the_rules_and_finds_no_button(place):
    give(place, "a/", Level.READ, member_of(place))
    client = sign_in(member_of(place, Role.AUDITOR).user)
    shown = page(client, place)[1]
    assert "a/" in shown
    assert "Withdraw" not in shown
    assert "Give access" not in shown


def test_a_principal_of_another_organization_is_answered_like_an_unknown_one(place, owner):
    foreign = member_of(make_place())
    answers = []
    for who in (str(foreign.id), "00000000-0000-7000-8000-000000000000"):
        response = post(owner, place, "access/new", folder="a/", who=who, level="read")
        answers.append((response.status_code, "Choose one of the list." in response.content.decode()))
        for path in ("access/", "access/explorer", "access/new"):
            assert page(owner, place, path, who=who)[0].status_code == 404
    assert answers == [(400, True)] * 2
    assert rules(place) == []


def test_the_explorer_says_why_and_offers_what_is_missing(place, owner):
    ann = member_of(place, Role.AUDITOR, "Ann Auditor")
    give(place, "a/", Level.READ, ann)
    shown = page(owner, place, "access/explorer", who=str(ann.id), path="a/b/c")[1]
    assert shown.count("Not allowed") == 3
    assert "Read on a/." in shown
    assert "Read on a/, which is not enough." in shown
    offer = f"access/new?folder=a%2Fb%2F&amp;who={ann.id}&amp;level=write"
    assert offer in shown
    form = page(owner, place, "access/new", folder="a/b/", who=str(ann.id), level="write")[1]
    assert 'value="a/b/"' in form
    assert f'value="{ann.id}" selected' in form
    auditor = sign_in(ann.user)
    assert offer not in page(auditor, place, "access/explorer", who=str(ann.id), path="a/b/c")[1]


def test_the_explorer_names_everybody_who_reaches_a_path(place, owner):
    ann = member_of(place, Role.AUDITOR, "Ann Auditor")
    give(place, "a/", Level.WRITE, ann)
    shown = page(owner, place, "access/explorer", path="a/b")[1]
    assert "Ann Auditor" in shown
    assert "Read, write, delete" in shown
    assert "Role Owner" in shown
    table = page(owner, place, "access/explorer", path="b")[1].partition("<tbody")[2]
    assert "Ann Auditor" not in table
