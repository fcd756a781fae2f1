"""The portal's pages of people, groups and service accounts."""

import re
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator

from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions
from tenants.models import ApiKey, Group, GroupMember, Membership, ServiceAccount
from tenants.views import people as people_views
from tests.factories import make_api_key, make_place, sign_in
from tests.tenants.support import directory_of, member_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(place):
    return sign_in(place.owner)


def get(client, place, name, /, **query):
    response = client.get(f"/o/{place.slug}/live/{name}", query)
    return response, response.content.decode()


def post(client, place, name, /, **data):
    return client.post(f"/o/{place.slug}/live/{name}", data)


def once(client, place, name):
    shown = get(client, place, name)[1]
    found = re.search(r'name="once" value="([^"]+)"', shown)
    assert found, shown
    return found[1]


def test_a_group_is_made_filled_renamed_and_removed_by_its_typed_name(place, owner):
    ann, ben = member_of(place), member_of(place)
    token = once(owner, place, "groups/new")
    made = [post(owner, place, "groups/new", name="Auditors", once=token)["Location"] for _ in range(2)]
    assert made[0] == made[1]
    with tenant(place.id):
        group = Group.objects.get()
    where = f"groups/{group.id}/"
    post(owner, place, where + "add", membership=[str(ann.id), str(ben.id)])
    post(owner, place, where + "take-out", membership=str(ann.id))
    with tenant(place.id):
        assert [one.membership_id for one in GroupMember.objects.all()] == [ben.id]
    post(owner, place, where + "rename", name="Reviewers", once=once(owner, place, where + "rename"))
    assert post(owner, place, where + "remove", confirm="Auditors").status_code == 400
    assert "Reviewers" in get(owner, place, "groups/")[1]
    post(owner, place, where + "remove", confirm="Reviewers")
    with tenant(place.id):
        assert not Group.objects.exists()


def test_a_group_of_the_directory_is_shown_and_offers_no_change(place, owner):
    with tenant(place.id):
        group = actions.create_group(actor=directory_of(place), name="Engineers", source=Group.Source.DIRECTORY)
    ann = member_of(place)
    shown = get(owner, place, f"groups/{group.id}/")[1]
    assert "Your directory keeps this group" in shown
    assert "Add members" not in shown
    for name in ("rename", "remove"):
        assert get(owner, place, f"groups/{group.id}/{name}")[0].status_code == 409
    for name in ("add", "take-out"):
        assert post(owner, place, f"groups/{group.id}/{name}", membership=str(ann.id)).status_code == 409


def test_members_to_add_are_found_by_their_address_and_strangers_are_refused(place, owner):
    with tenant(place.id):
        group = actions.create_group(actor=place.actor(), name="Auditors")
    ann, stranger = member_of(place), member_of(make_place())
    found = get(owner, place, f"groups/{group.id}/", q=ann.user.email[:9])[1]
    assert str(ann.id) in found
    assert str(ann.id) not in get(owner, place, f"groups/{group.id}/", q="zzz")[1]
    answers = [post(owner, place, f"groups/{group.id}/add", membership=who) for who in (stranger.id, uuid4())]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert "Not everyone named is a member" in answers[0].content.decode()
    with tenant(place.id):
        assert not GroupMember.objects.exists()


def test_a_service_account_is_made_gets_a_key_and_ends_by_its_typed_name(place, owner):
    post(owner, place, "service-accounts/new", name="nightly", once=once(owner, place, "service-accounts/new"))
    with tenant(place.id):
        account = ServiceAccount.objects.get()
    new_key = f"api-keys/new?service_account={account.id}"
    form = get(owner, place, new_key)[1]
    assert 'value="objects:read"' in form
    assert 'value="members:invite"' not in form
    sent = post(owner, place, new_key, name="k", scopes="objects:read", life="", once=once(owner, place, new_key))
    assert "hd_live_" in sent.content.decode()
    with tenant(place.id):
        assert ApiKey.objects.get(name="k").service_account_id == account.id
        actions.give_access(actor=place.actor(), prefix="reports/", level=Level.READ, service_account_id=account.id)
    shown = get(owner, place, f"service-accounts/{account.id}/")[1]
    assert "reports/" in shown
    assert f"service-accounts/{account.id}/" in get(owner, place, "api-keys/")[1]
    ending = f"service-accounts/{account.id}/end"
    assert "1 key and 1 rule end with it" in get(owner, place, ending)[1]
    assert post(owner, place, ending, confirm="other").status_code == 400
    post(owner, place, ending, confirm="nightly")
    with tenant(place.id):
        assert ApiKey.objects.get(name="k").state == "revoked"
    assert get(owner, place, new_key)[0].status_code == 404


def test_rows_of_another_organization_look_like_nothing(place, owner):
    elsewhere = make_place()
    with tenant(elsewhere.id):
        group = actions.create_group(actor=elsewhere.actor(), name="Theirs")
        account = actions.create_service_account(actor=elsewhere.actor(), name="theirs")
    for name in (
        f"groups/{group.id}/",
        f"groups/{group.id}/rename",
        f"groups/{group.id}/remove",
        f"service-accounts/{account.id}/",
        f"service-accounts/{account.id}/end",
        f"api-keys/new?service_account={account.id}",
        f"api-keys/new?service_account={uuid4()}",
        "api-keys/new?service_account=x",
    ):
        assert get(owner, place, name)[0].status_code == 404, name


def test_people_are_found_by_address_and_paged_without_loss(place, owner, monkeypatch):
    monkeypatch.setattr(people_views, "PAGE", 2)
    emails = {place.owner.email, *(member_of(place).user.email for _ in range(4))}
    seen, address = set(), f"/o/{place.slug}/live/people/"
    for _ in range(3):
        shown = owner.get(address).content.decode()
        seen |= {email for email in emails if email in shown}
        older = re.search(r'href="([^"]+)" rel="next"', shown)
        address = older[1].replace("&amp;", "&") if older else ""
    assert (seen, address) == (emails, "")
    others = emails - {place.owner.email}  # theirs stands in the frame of each page
    one = min(others)
    found = get(owner, place, "people/", q=one.upper())[1]
    assert [email for email in others if email in found] == [one]
    assert "No address here begins like this" in get(owner, place, "people/", q="%")[1]


def test_each_person_is_shown_with_groups_and_second_factor(place, owner):
    ann = member_of(place, name="Ann")
    with tenant(place.id):
        for name in ("a", "b"):
            group = actions.create_group(actor=place.actor(), name=name)
            actions.put_in_group(actor=place.actor(), group_id=group.id, membership_ids=[ann.id])
    Authenticator.objects.create(user=ann.user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    shown = get(owner, place, "people/", q=ann.user.email)[1]
    row = shown.partition("<tbody")[2].partition("</tbody>")[0]
    assert "Has one" in row
    assert re.search(r'hq-num">2<', row)
    assert "None" in get(owner, place, "people/", q=place.owner.email)[1]


def test_the_page_of_removal_counts_what_ends(place, owner):
    ann = member_of(place, Role.DEVELOPER)
    make_api_key(place, frozenset({Permission.OBJECTS_READ}), person=ann.user, role=Role.DEVELOPER)
    with tenant(place.id):
        group = actions.create_group(actor=place.actor(), name="g")
        actions.put_in_group(actor=place.actor(), group_id=group.id, membership_ids=[ann.id])
        for prefix in ("a/", "b/"):
            actions.give_access(actor=place.actor(), prefix=prefix, level=Level.READ, membership_id=ann.id)
    shown = get(owner, place, f"people/{ann.id}/remove")[1]
    assert "1 API key that they made, their place in 1 group and 2 access rules" in shown
    post(owner, place, f"people/{ann.id}/remove", confirm=ann.user.email)
    with tenant(place.id):
        assert not Membership.objects.filter(pk=ann.id).exists()
