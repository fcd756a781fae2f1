"""Every /v1 route and every portal page, once allowed and once refused. A route that is missing here fails."""

from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role
from tests.factories import make_member, make_person, make_place, sign_in
from tests.matrix import PAGES, PLACE, V1, V1_PUBLIC
from tests.routes import every_route
from tests.signing.sender.pages import OWN
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world():
    return World()


def test_every_v1_route_is_in_the_table():
    known = {(act.route, act.method) for act in V1}
    found = {
        (route.pattern, method)
        for route in every_route()
        if route.pattern.startswith("v1/") and route.pattern not in V1_PUBLIC
        for method in route.methods
    }
    assert found == known
    assert {route.pattern for route in every_route() if route.pattern.startswith("v1/")} >= V1_PUBLIC


def test_each_v1_act_is_refused_without_its_scope_and_without_a_key_and_allowed_with_it(world):
    every = SCOPES & GRANTS[Role.OWNER]
    last = [act for act in V1 if act.method == "DELETE"]
    for act in [*(act for act in V1 if act not in last), *last]:
        name = f"{act.method} {act.route}"
        assert world.act(act, secret="hd_live_" + "x" * 32).status_code == 401, name
        if act.needs is not None:
            world.with_scopes(every - {act.needs, act.instead})
            assert world.act(act).status_code == 403, name
            world.with_scopes({act.needs} | ({act.also} if act.also else set()))
        answer = world.act(act)
        assert answer.status_code == act.answers, (name, answer.content)
        world.with_scopes(every)


def test_each_v1_act_in_another_organization_looks_like_nothing(world):
    other = make_place("Elsewhere")
    mine, foreign = world.place, other
    for act in V1:
        if "<uuid:environment_id>" in act.route or "<uuid:organization_id>" in act.route:
            world.place = replace(mine, live_id=foreign.live_id, organization=foreign.organization)
            there = world.act(act)
            world.place = mine
            assert there.status_code == 404, act


# ---- the portal: what a page of a place needs, and what it is asked with


def test_every_portal_page_of_a_place_is_in_the_table():
    assert {route.pattern for route in every_route() if route.pattern.startswith(PLACE)} == set(PAGES)


def visit(client, world, pattern):
    """The page; a verb behind a button is posted."""
    url, data = world.url(pattern), dict[str, object](PAGES[pattern][1])
    answer = client.get(url, data)
    if answer.status_code != 405:
        return answer
    if data.pop("files", None):
        data["files"] = SimpleUploadedFile("note.txt", b"text")
    return client.post(url, data)


PEOPLE = [role for role in Role if role is not Role.SERVICE_ACCOUNT]


@pytest.mark.parametrize("role", PEOPLE)
def test_each_page_opens_for_the_roles_that_may_and_for_no_other(world, role):
    client = sign_in(make_member(world.place, role))
    for pattern, (needs, _) in PAGES.items():
        status = visit(client, world, pattern).status_code
        others = pattern.removeprefix(PLACE + "agreements/").startswith(OWN)
        if needs in GRANTS[role] and others and Permission.AUDIT_READ not in GRANTS[role]:
            assert status == 404, (pattern, status)  # whoever does not read the trail sees their own only
        elif needs in GRANTS[role]:
            assert status not in {401, 403, 404, 405, 500}, (pattern, status)
        else:
            assert status == 403, (pattern, status)


def test_each_page_looks_like_nothing_to_a_stranger_and_asks_the_unknown_to_sign_in(world):
    stranger = sign_in(make_person())
    for pattern in PAGES:
        url = world.url(pattern)
        assert (stranger.get(url).status_code, stranger.post(url).status_code) == (404, 404), pattern
        asked = Client().get(url)
        assert asked.status_code == 302, pattern
        assert asked["Location"].startswith("/account/login/"), pattern


def test_the_operators_rooms_look_like_nothing_to_everybody_else(world):
    owner = sign_in(world.place.owner)
    rooms = [route.pattern for route in every_route() if route.pattern.startswith("operator/")]
    assert rooms
    for pattern in rooms:
        assert owner.get(world.url(pattern)).status_code in {404, 405}
        assert owner.post(world.url(pattern)).status_code == 404
