"""X-User-Token: a service asks in a member's name, for one request, and gets no further (ACC-9)."""

import json
from base64 import b64encode
from hashlib import sha256
from uuid import UUID

import pytest
from django.test import Client

from audit.models import AccessEntry, AuditEvent
from hq.authz.permissions import AUTH_METHODS, AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.env import Rate
from hq.lib.ids import new_id
from hq.web import transfer
from tenants.models import Membership, Organization, User
from tests.factories import make_api_key, make_member, make_person, make_place
from tests.tenants.service_support import SECRETS, Service
from tests.valkeys import OwnValkey, own_valkey

__all__ = ["own_valkey"]
pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = b"quarter,ratio\n"


@pytest.fixture
def place(settings):
    settings.SERVICE_KEYS = SECRETS
    return make_place()


@pytest.fixture
def service(place):
    return Service()


@pytest.fixture
def member(place):
    return make_member(place, Role.DEVELOPER, name="Mira Developer")


def objects(place, path="", environment_id=None):
    return f"/v1/environments/{environment_id or place.live_id}/objects" + (f"/{path}" if path else "")


def stored(service, member, place, path="a", content=CONTENT):
    answer = service.ask(member.pk, "PUT", objects(place, path), content)
    assert answer.status_code == 201
    return answer


class TestInAMembersName:
    def test_it_stores_reads_and_lists_what_the_member_may(self, place, service, member):
        stored(service, member, place, "reports/Q3 ä.csv")
        read = service.ask(member.pk, "GET", objects(place, "reports/Q3 ä.csv"))
        assert (read.status_code, b"".join(read)) == (200, CONTENT)
        listed = service.ask(member.pk, "GET", objects(place), query="prefix=rep&limit=10")
        assert [item["path"] for item in listed.json()["items"]] == ["reports/Q3 ä.csv"]

    def test_it_posts_a_document(self, place, service, member):
        stored(service, member, place)
        assert service.ask(member.pk, "DELETE", objects(place, "a")).status_code == 204
        restored = service.ask(
            member.pk, "POST", f"/v1/environments/{place.live_id}/object-restores", json.dumps({"path": "a"}).encode()
        )
        assert restored.status_code == 201

    def test_the_trail_says_whose_name_and_which_service(self, place, service, member):
        stored(service, member, place)
        with tenant(place.id):
            line = AccessEntry.objects.latest("id")
            event = AuditEvent.objects.filter(actor_id=member.pk).latest("index")
        assert (line.actor_kind, line.actor_id, line.method) == ("person", member.pk, AuthMethod.SERVICE)
        assert line.detail["actor"] == event.detail["actor"] == f"{member.label}, by the service k2"
        assert event.method == AuthMethod.SERVICE

    def test_the_environment_of_the_route_is_where_it_acts(self, place, service, member):
        stored(service, member, place)
        assert service.ask(member.pk, "GET", objects(place, "a", place.test_id)).status_code == 404
        assert service.ask(member.pk, "GET", objects(place, environment_id=place.test_id)).json()["items"] == []

    def test_a_stream_goes_on_though_the_token_is_used_up(self, place, service, member, monkeypatch):
        monkeypatch.setattr(transfer, "ASKED_EVERY", 0)
        content = bytes(600_000)
        stored(service, member, place, "a", content)
        assert b"".join(service.ask(member.pk, "GET", objects(place, "a"))) == content

    def test_it_counts_as_the_members_own(self, place, service, member, settings):
        settings.LIMIT_KEY = Rate(2, 3600)
        answers = [service.ask(member.pk, "GET", objects(place)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0]["RateLimit-Remaining"] == "1"

    def test_whom_to_name_is_shown_with_the_members(self, place, service, member):
        headers = {"Authorization": f"Bearer {make_api_key(place)}"}
        listed = service.client.get(f"/v1/organizations/{place.id}/members", headers=headers).json()["items"]
        assert str(member.pk) in {item["user_id"] for item in listed}


class TestNoFurther:
    def test_a_service_does_no_more_than_the_member_may(self, place, service):
        viewer = make_member(place, Role.AUDITOR)
        answer = service.ask(viewer.pk, "PUT", objects(place, "a"), CONTENT)
        assert answer.status_code == 403

    def test_a_service_works_with_content_only_whoever_it_names(self, place, service):
        of_services = {permission for permission, methods in AUTH_METHODS.items() if AuthMethod.SERVICE in methods}
        assert of_services == {
            Permission.JOBS_READ,
            Permission.OBJECTS_DELETE,
            Permission.OBJECTS_READ,
            Permission.OBJECTS_WRITE,
            Permission.ORGANIZATION_READ,
            Permission.SHARES_CREATE,
            Permission.SHARES_READ,
            Permission.SHARES_REVOKE,
        }
        made = json.dumps({"name": "mine", "scopes": ["objects:read"]}).encode()
        keys = f"/v1/environments/{place.live_id}/api-keys"
        assert service.ask(place.owner.pk, "POST", keys, made).status_code == 403
        assert service.ask(place.owner.pk, "GET", f"/v1/organizations/{place.id}/members").status_code == 403

    @pytest.mark.parametrize(
        "path", ["/v1/me", "/v1/environments/{unknown}/objects", "/v1/organizations/{unknown}/members"]
    )
    def test_there_is_nothing_where_no_place_of_the_members_is_named(self, place, service, member, path):
        assert service.ask(member.pk, "GET", path.format(unknown=new_id())).status_code == 404

    def test_the_member_of_one_organization_is_nobody_in_another(self, place, service, member):
        other = make_place()
        assert service.ask(member.pk, "GET", objects(other)).status_code == 404
        assert service.ask(member.pk, "GET", f"/v1/organizations/{other.id}/members").status_code == 404

    def test_nobody_is_let_in_who_is_no_member_or_not_active(self, place, service, member):
        assert service.ask(make_person().pk, "GET", objects(place)).status_code == 404
        assert service.ask(new_id(), "GET", objects(place)).status_code == 404
        User.objects.filter(pk=member.pk).update(is_active=False)
        assert service.ask(member.pk, "GET", objects(place)).status_code == 404

    def test_who_was_removed_is_out_with_the_next_request(self, place, service, member):
        assert service.ask(member.pk, "GET", objects(place)).status_code == 200
        with tenant(place.id):
            Membership.objects.filter(user=member).delete()
        assert service.ask(member.pk, "GET", objects(place)).status_code == 404

    @pytest.mark.parametrize("state", sorted(Organization.SHUT))
    def test_an_organization_that_is_shut_is_shut_here_too(self, place, service, member, state):
        with tenant(place.id):
            Organization.objects.filter(pk=place.id).update(state=state)
        assert service.ask(member.pk, "GET", objects(place)).status_code == 404

    @pytest.mark.parametrize("policy", [{"networks": ["10.0.0.0/8"]}, {"email_domains": ["alderpeak.example"]}])
    def test_networks_and_domains_of_the_organization_hold(self, place, service, member, policy):
        with tenant(place.id):
            assert Organization.objects.filter(pk=place.id).update(**policy) == 1
        assert service.ask(member.pk, "GET", objects(place)).status_code == 404


class TestTokens:
    def test_a_token_is_used_once(self, place, service, member):
        token = service.token(member.pk, "GET", objects(place))
        assert service.send(token, "GET", objects(place)).status_code == 200
        again = service.send(token, "GET", objects(place))
        assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (401, "unauthenticated")

    def test_a_token_that_did_not_fit_is_not_used_up(self, place, service, member):
        token = service.token(member.pk, "GET", objects(place))
        assert service.send(token, "GET", objects(place, "a")).status_code == 401
        assert service.send(token, "GET", objects(place)).status_code == 200

    @pytest.mark.parametrize(
        ("signed", "sent"),
        [
            ("a", "a/b"),
            ("a/b", "a"),
            ("a%2Fb", "a/b"),
            ("a/b", "a%2Fb"),
            ("a", "a/"),
            ("a", "A"),
            ("a", "../objects/a"),
        ],
    )
    def test_a_token_of_one_path_opens_no_other(self, place, service, member, signed, sent):
        token = service.token(member.pk, "GET", objects(place, signed))
        assert service.send(token, "GET", objects(place, sent)).status_code == 401

    def test_a_slash_that_was_encoded_on_the_way_is_the_slash_that_was_signed(self, place, service, member):
        """WSGI hands both over as one, and both are the same object: nothing is stretched."""
        stored(service, member, place, "a/b")
        token = service.token(member.pk, "GET", objects(place, "a/b"))
        answer = service.client.get(objects(place) + "/a%2Fb", headers={"X-User-Token": token})
        assert b"".join(answer) == CONTENT

    @pytest.mark.parametrize("sent", ["", "prefix=b", "prefix=a&limit=1", "limit=1&prefix=a", "prefix=%61"])
    def test_a_token_of_one_query_is_for_no_other(self, place, service, member, sent):
        token = service.token(member.pk, "GET", objects(place), query="prefix=a")
        assert service.send(token, "GET", objects(place), query=sent).status_code == 401
        assert service.send(token, "GET", objects(place), query="prefix=a").status_code == 200

    @pytest.mark.parametrize("sent", ["DELETE", "HEAD", "PUT"])
    def test_a_token_of_one_method_is_for_no_other(self, place, service, member, sent):
        stored(service, member, place)
        token = service.token(member.pk, "GET", objects(place, "a"))
        digest = sha256(b"").hexdigest()
        assert service.send(token, sent, objects(place, "a"), X_Content_SHA256=digest).status_code == 401

    def test_a_body_cannot_be_swapped(self, place, service, member):
        path = f"/v1/environments/{place.live_id}/object-restores"
        token = service.token(member.pk, "POST", path, b'{"path": "a"}')
        assert service.send(token, "POST", path, b'{"path": "b"}').status_code == 401
        assert service.send(token, "GET", objects(place), b"x").status_code == 401

    def test_a_stored_body_cannot_be_swapped_whatever_is_announced(self, place, service, member):
        mine, other = sha256(CONTENT).hexdigest(), sha256(b"other").hexdigest()

        def put(**announced):
            token = service.token(member.pk, "PUT", objects(place, "a"), CONTENT)
            return service.send(token, "PUT", objects(place, "a"), b"other", **announced).status_code

        assert put(X_Content_SHA256=other) == 401
        assert put(X_Content_SHA256=mine) == 400
        assert put() == 400
        assert service.ask(member.pk, "GET", objects(place)).json()["items"] == []

    def test_content_digest_says_it_as_well(self, place, service, member):
        token = service.token(member.pk, "PUT", objects(place, "a"), CONTENT)
        digest = f"sha-256=:{b64encode(sha256(CONTENT).digest()).decode()}:"
        assert service.send(token, "PUT", objects(place, "a"), CONTENT, Content_Digest=digest).status_code == 201

    @pytest.mark.parametrize(
        "signed",
        [
            {"audience": "https://hq.example.org"},
            {"at": 1_700_000_000},
            {"at": 4_000_000_000},
            {"key_id": "k3"},
            {"secret": SECRETS["k1"]},
            {"secret": b"a guessed secret of 32 bytes or more"},
        ],
        ids=str,
    )
    def test_a_token_for_another_place_or_time_or_by_another_key_says_nothing(self, place, service, member, signed):
        assert service.ask(member.pk, "GET", objects(place), **signed).status_code == 401

    def test_both_keys_count_while_they_are_being_changed(self, place, member, settings):
        assert Service("k1").ask(member.pk, "GET", objects(place)).status_code == 200
        settings.SERVICE_KEYS = {"k2": SECRETS["k2"]}
        assert Service("k1").ask(member.pk, "GET", objects(place)).status_code == 401
        settings.SERVICE_KEYS = {}
        assert Service("k2").ask(member.pk, "GET", objects(place)).status_code == 401

    def test_who_asks_in_two_ways_at_once_is_asked_for_one(self, place, service, member):
        key, token = make_api_key(place), service.token(member.pk, "GET", objects(place))
        headers = {"X-User-Token": token, "Authorization": f"Bearer {key}"}
        assert service.client.get(objects(place), headers=headers).status_code == 400
        assert service.send(token, "GET", objects(place)).status_code == 200

    def test_many_that_say_nothing_are_turned_away_at_the_door(self, place, service, member, settings):
        settings.LIMIT_UNKNOWN = Rate(3, 3600)
        service.client = Client(REMOTE_ADDR="10.77.0.9")
        assert [service.send("x", "GET", objects(place)).status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        assert service.ask(member.pk, "GET", objects(place)).status_code == 200

    def test_the_token_is_in_no_log(self, place, service, member, caplog):
        token = service.token(member.pk, "GET", objects(place))
        for _ in range(2):
            service.send(token, "GET", objects(place))
        assert [record.message for record in caplog.records] == ["user token used again"]
        with tenant(PLATFORM_ID):
            kept = [str(vars(line)) for line in AccessEntry.objects.all()]
        assert token not in caplog.text + "".join(kept)

    def test_without_valkey_none_is_believed_not_even_to_read(self, place, service, member, own_valkey: OwnValkey):
        own_valkey.stop()
        answer = service.ask(member.pk, "GET", objects(place))
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_the_person_is_who_the_token_names_and_nothing_else_is_believed(place, service, member):
    """What a caller might add in the hope that it counts."""
    token = service.token(member.pk, "GET", objects(place))
    added = {"X-User-Id": str(place.owner.pk), "X-Role": "owner", "X-Organization": str(UUID(int=1))}
    answer = service.send(
        token, "GET", objects(place), **{name.replace("-", "_"): value for name, value in added.items()}
    )
    assert answer.status_code == 200
    with tenant(place.id):
        assert AccessEntry.objects.latest("id").actor_id == member.pk
