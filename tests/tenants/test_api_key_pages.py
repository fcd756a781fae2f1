"""Pages of API keys (ACC-3): what they show to whom, and that a secret is on one answer only."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants import actions
from tenants.forms.keys import PRESETS, SCOPE_GROUPS
from tenants.models import ApiKey, ApiKeyDay, ApiKeyNetwork, Membership
from tests.factories import make_api_key, make_member, make_place, sign_in

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})
SECRET = re.compile(r"hd_live_[A-Za-z0-9]{32}")


class Pages:
    """A place, and what somebody in it sees."""

    def __init__(self):
        self.place = make_place()
        self.client = sign_in(self.place.owner)

    def get(self, page="", status=200, client=None):
        answer = (client or self.client).get(f"/o/{self.place.slug}/live/{page}")
        assert answer.status_code == status, page
        return self.text(answer)

    def post(self, page, status=200, **data):
        """As a browser: with the signed id that the form carries."""
        form = self.client.get(f"/o/{self.place.slug}/live/{page}").content.decode()
        once = re.search(r'name="once" value="([^"]+)"', form)
        sent = {"once": once[1]} | data if once else data
        answer = self.client.post(f"/o/{self.place.slug}/live/{page}", sent)
        assert answer.status_code == status
        return self.text(answer)

    @staticmethod
    def text(answer):
        return re.sub(r"\s+", " ", unescape(answer.content.decode()))

    def make(self, name="backup", actor=None, **more):
        with tenant(self.place.id):
            return actions.create_api_key(
                actor=actor or self.place.actor(), name=name, scopes=more.pop("scopes", READ), **more
            )

    def rotate(self, made, **more):
        with tenant(self.place.id):
            return actions.rotate_api_key(actor=self.place.actor(), key_id=made.key.id, **more)

    def all_keys(self):
        with tenant(self.place.id):
            return list(ApiKey.objects.all())

    def member(self, role):
        return make_member(self.place, role)


@pytest.fixture
def pages():
    return Pages()


def names(text):
    """The keys of the list, by the addresses of their pages."""
    return set(re.findall(r'/api-keys/[0-9a-f-]{36}/">([^<]+)<', text))


def test_every_scope_has_its_place_and_its_sentence_in_the_form(pages):
    assert {scope for group in SCOPE_GROUPS.values() for scope in group} == SCOPES
    assert all(given <= SCOPES for _, given in PRESETS.values())
    text = pages.get("api-keys/new")
    for scope in SCOPES & GRANTS[Role.OWNER]:
        assert text.count(f'value="{scope}"') == 1


def test_a_form_offers_only_what_one_has(pages):
    developer = sign_in(pages.member(Role.DEVELOPER))
    text = pages.get("api-keys/new", client=developer)
    assert 'value="objects:write"' in text
    assert 'value="audit:read"' not in text


def test_a_preset_ticks_its_scopes_and_no_others_without_script_too(pages):
    ticked = re.findall(r'value="([a-z_]+:[a-z_]+)" checked', pages.get("api-keys/new?preset=read"))
    assert set(ticked) == {"objects:read", "shares:read", "organization:read", "jobs:read"}
    assert "checked" not in re.findall(r'value="objects:read"[^>]*', pages.get("api-keys/new?preset=other"))[0]


def test_a_new_key_is_shown_once_with_a_line_that_uses_it(pages):
    sent = {"name": "nightly", "scopes": ["objects:read"], "life": "90", "networks": "203.0.113.0/24\n\n192.0.2.1"}
    text = pages.post("api-keys/new", **sent)
    [secret] = set(SECRET.findall(text))
    assert f'curl -H "Authorization: Bearer {secret}" ' in text
    assert 'download="nightly-api-key.txt"' in text
    with tenant(pages.place.id):
        key = ApiKey.objects.get()
    assert key.networks == ["203.0.113.0/24", "192.0.2.1/32"]
    for page in ("api-keys/", f"api-keys/{key.id}/", f"api-keys/{key.id}/rotate", f"api-keys/{key.id}/revoke"):
        assert not SECRET.search(pages.get(page))


def test_a_network_that_is_none_is_said_at_its_field_and_one_s_own_address_stands_there(pages):
    assert "You are at 127.0.0.1 now." in pages.get("api-keys/new")
    sent = {"name": "x", "scopes": ["objects:read"], "life": "", "networks": "203.0.113"}
    text = pages.post("api-keys/new", 400, **sent)
    assert "“203.0.113” is none." in text
    assert "0.0.0.0/0 is every address." in pages.post("api-keys/new", 400, **sent | {"networks": "0.0.0.0/0"})


def test_the_list_is_narrowed_by_what_stands_in_its_address(pages):
    admin = pages.member(Role.ADMIN)
    with tenant(pages.place.id):
        account = actions.create_service_account(actor=pages.place.actor(), name="machine")
    pages.make("theirs", pages.place.actor(Role.ADMIN, admin))
    pages.make("of-machine", service_account_id=account.id)
    gone, old = pages.make("gone"), pages.make("old")
    pages.rotate(old)
    with tenant(pages.place.id):
        actions.revoke_api_key(actor=pages.place.actor(), key_id=gone.key.id)
    assert names(pages.get("api-keys/?state=revoked")) == {"gone"}
    assert names(pages.get("api-keys/?state=rotated")) == {"old"}
    assert names(pages.get("api-keys/?state=active")) == {"theirs", "of-machine", "old"}
    assert names(pages.get("api-keys/?who=mine")) == {"of-machine", "gone", "old"}
    assert names(pages.get(f"api-keys/?service_account={account.id}")) == {"of-machine"}
    assert "No key is like this" in pages.get("api-keys/?state=expired")
    for nonsense in ("state=x", "service_account=x"):
        pages.get(f"api-keys/?{nonsense}", 400)


def test_fourteen_days_are_drawn_and_said_in_words(pages):
    made = pages.make()
    with tenant(pages.place.id):
        for days, requests, refused in ((0, 1200, 0), (2, 4, 3), (14, 9, 9)):
            on = (now() - timedelta(days=days)).date()
            ApiKeyDay.objects.create(
                organization_id=pages.place.id, key_id=made.key.id, on=on, requests=requests, refused=refused
            )
    text = pages.get("api-keys/")
    today = now().date()
    assert f"14 days: 1,204 requests, 3 refused. Most on {today.day} {today:%b}, 1,200." in text
    drawn = re.search(r'<svg class="hq-usage".*?</svg>', text)
    assert drawn
    assert (drawn[0].count("hq-bar-event"), drawn[0].count("hq-bar-refused")) == (2, 1)
    assert "90 days: 1,213 requests, 12 refused." in pages.get(f"api-keys/{made.key.id}/")


def test_rotating_shows_the_new_key_once_and_until_when_the_old_one_works(pages):
    old = pages.make()
    address = f"api-keys/{old.key.id}"
    text = pages.post(f"{address}/rotate", grace="24")
    [secret] = set(SECRET.findall(text))
    assert "The old key works until" in text
    assert "data-countdown" in text
    assert "Nothing has used it since" in pages.get(f"{address}/")
    assert "This key was rotated already" in pages.get(f"{address}/rotate")
    assert "Works until" in pages.get("api-keys/")
    with tenant(pages.place.id):
        successor = ApiKey.objects.get(pk=old.key.pk).replaced_by
        ApiKey.objects.filter(pk=old.key.pk).update(last_used_at=now(), last_used_ip="198.51.100.4")
    assert successor.hint == secret[-4:]
    assert "Rotated, and still used." in pages.get(f"{address}/")
    assert "The key that this one replaced" in pages.get(f"api-keys/{successor.id}/")


def test_a_grace_of_nothing_says_that_the_old_one_has_ended(pages):
    assert "The old key has ended." in pages.post(f"api-keys/{pages.make().key.id}/rotate", grace="0")


def test_revoking_says_what_ends_with_it_and_asks_for_the_name(pages):
    maker = pages.make("maker", scopes=READ | {Permission.API_KEYS_CREATE})
    actor = actions.authenticate_api_key(secret=maker.secret, origin=pages.place.actor().origin)
    pages.make("made-by-it", actor)
    new = pages.rotate(maker)
    address = f"api-keys/{new.key.id}/revoke"
    text = pages.get(address)
    assert "made-by-it" in text
    assert "Rotated, would work until" in text
    assert "This is not the name of the key." in pages.post(address, 400, confirm="other")
    pages.post(address, 302, confirm="maker")
    assert "maker revoked, and with it 2 other keys." in pages.get("api-keys/")


def test_of_a_replaced_key_it_says_that_its_successor_ends_too_and_how_it_stays(pages):
    old = pages.make("old")
    new = pages.rotate(old)
    address = f"api-keys/{old.key.id}/revoke"
    text = pages.get(address)
    assert "What it was rotated into ends too." in text
    assert "It was rotated into this one" in text
    assert 'href="/o/' + f'{pages.place.slug}/live/{address}?successors=keep"' in text
    alone = pages.get(f"{address}?successors=keep")
    assert "What it was rotated into goes on working." in alone
    assert f'action="/o/{pages.place.slug}/live/{address}?successors=keep"' in alone
    pages.post(f"{address}?successors=keep", 302, confirm="old")
    states = {str(key.id): key.state for key in pages.all_keys()}
    assert (states[str(old.key.id)], states[str(new.key.id)]) == ("revoked", "active")


def test_one_whose_grace_is_over_can_be_revoked_while_what_it_was_rotated_into_works(pages):
    old, apart = pages.make("old"), pages.make("apart")
    new = pages.rotate(old, grace_hours=0)
    with tenant(pages.place.id):
        ApiKey.objects.filter(pk=apart.key.pk).update(expires_at=now())
    assert "Revoke now" in pages.get(f"api-keys/{old.key.id}/")
    assert "Revoke now" not in pages.get(f"api-keys/{apart.key.id}/")
    pages.post(f"api-keys/{old.key.id}/revoke", 302, confirm="old")
    assert "old revoked, and with it 1 other key." in pages.get("api-keys/")
    assert {str(key.id): key.state for key in pages.all_keys()}[str(new.key.id)] == "revoked"


@pytest.mark.django_db(transaction=True)
def test_the_page_of_a_key_tells_what_it_did(pages):
    place = pages.place
    secret = make_api_key(place)
    with tenant(place.id):
        key = ApiKey.objects.get()
        for network, days in (("192.0.2.0/24", 9), ("2001:db8::/48", 1)):
            first = now() - timedelta(days=days)
            ApiKeyNetwork.objects.create(
                organization_id=place.id, key_id=key.id, network=network, first_at=first, last_at=first
            )
    machine = Client(headers={"authorization": f"Bearer {secret}"})
    where = f"/v1/environments/{place.live_id}/"
    machine.put(f"{where}objects/reports/a.csv", b"x", content_type="application/octet-stream")
    machine.get(f"{where}objects/reports/a.csv")
    machine.get(f"{where}objects/nothing-here")
    share = {"paths": ["reports/a.csv"], "purpose": "Month end"}
    assert machine.post(f"{where}shares", share, content_type="application/json").status_code == 201
    child = {"name": "child", "scopes": ["objects:read"]}
    assert machine.post(f"{where}api-keys", child, content_type="application/json").status_code == 201
    text = pages.get(f"api-keys/{key.id}/")
    for found in ("192.0.2.0/24", "2001:db8::/48", "object:created", "Month end", "child", "Revoke now"):
        assert found in text, found
    files = re.search(r"Files that it read or changed.*?</table>", text)
    assert files
    assert re.search(r'reports/a.csv</th> <td[^>]*data-label="Read"[^>]*>1</td> <td[^>]*>1</td>', files[0])
    assert "nothing-here" not in files[0]
    assert "nothing-here" in text


def test_who_may_not_read_the_trail_sees_counts_and_no_acts(pages):
    secret = make_api_key(pages.place)
    machine = Client(headers={"authorization": f"Bearer {secret}"})
    where = f"/v1/environments/{pages.place.live_id}/objects/secret-plan.txt"
    machine.put(where, b"x", content_type="application/octet-stream")
    with tenant(pages.place.id):
        key = ApiKey.objects.get()
    page = f"api-keys/{key.id}/"
    assert "secret-plan.txt" in pages.get(page, client=sign_in(pages.member(Role.AUDITOR)))
    text = pages.get(page, client=sign_in(pages.member(Role.DEVELOPER)))
    assert "Use, last 90 days" in text
    assert "which your role does not read" in text
    assert "secret-plan.txt" not in text


def test_buttons_stand_where_they_would_be_answered(pages):
    made = pages.make()
    page = f"api-keys/{made.key.id}/"
    for role in (Role.DEVELOPER, Role.AUDITOR):
        text = pages.get(page, client=sign_in(pages.member(role)))
        assert "Revoke now" not in text
        assert f"{made.key.id}/rotate" not in text
    assert "Revoke now" in pages.get(page, client=sign_in(pages.member(Role.ADMIN)))
    text = pages.get(f"api-keys/{made.key.id}/rotate", client=sign_in(pages.member(Role.DEVELOPER)))
    assert "Somebody else made this key." in text


def test_a_key_of_the_other_environment_or_organization_has_no_page(pages):
    in_test = pages.make(actor=pages.place.actor(environment_id=pages.place.test_id))
    other = Pages().make()
    for made in (in_test, other):
        for page in ("", "rotate", "revoke"):
            pages.get(f"api-keys/{made.key.id}/{page}", 404)


def test_who_removes_a_member_sees_the_keys_of_machines_that_they_know(pages):
    admin = pages.member(Role.ADMIN)
    with tenant(pages.place.id):
        account = actions.create_service_account(actor=pages.place.actor(), name="machine")
        membership = Membership.objects.get(user=admin)
    page = f"people/{membership.id}/remove"
    assert "Keys that they know" not in pages.get(page)
    known = pages.make("exporter", pages.place.actor(Role.ADMIN, admin), service_account_id=account.id)
    text = pages.get(page)
    assert "Keys that they know" in text
    for verb in ("rotate", "revoke"):
        assert f"/live/api-keys/{known.key.id}/{verb}" in text
