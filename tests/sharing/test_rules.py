"""Sharing rules: what members may share at most, by group, and how that is changed."""

from typing import Any

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from sharing import actions
from sharing.actions.caps import Cap, cap_of, most
from sharing.actions.links import CannotBeShared, Recipient
from sharing.actions.rules import NotARule, RuleChanged, change_rule, review_rule
from tenants import actions as tenants
from tests.factories import make_member, sign_in
from tests.vault.limited import member

PATHS = ["claims/method.md"]
STRICT = Cap(
    longest_seconds=3600,
    password_required=True,
    domains=("a.example",),
    write_allowed=False,
    requests_allowed=False,
)


def rule(place, wanted, group_id=None, reviewed=None):
    with tenant(place.id):
        change_rule(actor=place.actor(), group_id=group_id, reviewed=reviewed, wanted=wanted)


def group(place, *people, name="Auditors"):
    with tenant(place.id):
        made = tenants.create_group(actor=place.actor(), name=name)
        for one in people:
            tenants.put_in_group(actor=place.actor(), group_id=made.id, membership_ids=[one.actor.principal_id])
    return made.id


def make(place, actor=None, **more):
    asked: dict[str, Any] = {
        "paths": PATHS,
        "ttl_seconds": 900,
        "password": "correct horse",
        "recipients": [Recipient("i@a.example")],
    }
    with tenant(place.id):
        return actions.create_shares(actor=actor or place.actor(), **asked | more)


def test_without_a_rule_nothing_is_capped(place):
    make(place, password="", recipients=[], permission="write", ttl_seconds=604_800)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"ttl_seconds": 3601}, "/ttl_seconds"),
        ({"recipients": [Recipient("i@a.example", 3601)]}, "/ttl_seconds"),
        ({"password": ""}, "/password"),
        ({"permission": "write"}, "/permission"),
        ({"recipients": []}, "/recipients"),
        ({"recipients": [Recipient("i@a.example"), Recipient("i@b.example")]}, "/recipients/1/label"),
        ({"recipients": [Recipient("i@sub.a.example")]}, "/recipients/0/label"),
        ({"recipients": [Recipient("Ines <i@a.example>")]}, "/recipients/0/label"),
        ({"recipients": [Recipient("a.example")]}, "/recipients/0/label"),
    ],
)
def test_each_point_of_the_rule_for_everybody_caps_owners_too(place, asked, pointer):
    rule(place, STRICT)
    make(place, ttl_seconds=3600)
    with pytest.raises(CannotBeShared) as refused:
        make(place, **asked)
    assert refused.value.errors[0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("caps", "whole"),
    [
        ([STRICT], STRICT),
        ([STRICT, Cap()], Cap()),
        (
            [STRICT, Cap(longest_seconds=60, domains=("b.example",))],
            Cap(longest_seconds=3600, domains=("a.example", "b.example")),
        ),
        ([Cap(password_required=True), Cap(password_required=True)], Cap(password_required=True)),
    ],
)
def test_several_groups_give_the_most_of_each_point(caps, whole):
    assert most(caps) == whole


def test_a_rule_of_ones_group_stands_in_place_of_everybodys(place):
    ann, bert = member(place), member(place)
    rule(place, STRICT)
    rule(place, Cap(longest_seconds=7200), group_id=group(place, ann))
    make(place, actor=ann.actor, ttl_seconds=7200, password="", recipients=[])
    with pytest.raises(CannotBeShared):
        make(place, actor=ann.actor, ttl_seconds=7201)
    with pytest.raises(CannotBeShared):
        make(place, actor=bert.actor, ttl_seconds=7200)
    with tenant(place.id):
        assert cap_of(place.id, bert.membership.id) == STRICT


def test_a_group_that_goes_takes_its_rule_along(place):
    ann = member(place)
    gone = group(place, ann)
    rule(place, STRICT, group_id=gone)
    with tenant(place.id):
        tenants.remove_group(actor=place.actor(), group_id=gone)
        assert cap_of(place.id, ann.membership.id) == Cap()


def test_a_change_leaves_one_event_and_what_was_reviewed_is_what_is_saved(place):
    rule(place, STRICT)
    with pytest.raises(RuleChanged):
        rule(place, Cap(longest_seconds=60))  # reviewed while there was none
    rule(place, None, reviewed=STRICT)
    with tenant(place.id):
        told = [event.detail for event in AuditEvent.objects.filter(tag="policy:changed").order_by("index")]
        assert cap_of(place.id, member(place).membership.id) == Cap()
    assert [(one["before"], bool(one["after"])) for one in told] == [(None, True), (told[0]["after"], False)]


@pytest.mark.parametrize(
    "wanted", [Cap(longest_seconds=59), Cap(longest_seconds=2_592_001), Cap(domains=("A.example",))]
)
def test_it_refuses_what_is_no_rule(place, wanted):
    with pytest.raises(NotARule):
        rule(place, wanted)


def test_only_those_who_change_the_policy_change_rules(place):
    actor = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    with tenant(place.id):
        for act in (review_rule, change_rule):
            with pytest.raises(Denied):
                act(actor=actor, group_id=None, wanted=STRICT, **({"reviewed": None} if act is change_rule else {}))


def test_the_pages_say_what_holds_and_a_review_what_changes(place):
    client = sign_in(place.owner)
    at = f"/o/{place.slug}/live/shares/rules"
    group(place)
    assert "Nothing is capped" in client.get(at).content.decode()
    sent = {"amount": "2", "unit": "3600", "password_required": "on", "domains": "B.example\na.example"}
    review = client.post(f"{at}/change", sent)
    words = review.content.decode()
    assert "Nothing is saved yet" in words
    assert "2 hours at most" in words
    assert client.post(f"{at}/change", {"reviewed": review.context["draft"]}).status_code == 302
    words = client.get(at).content.decode()
    for part in ("An address at a.example or b.example", "Required on every link", "Not allowed"):
        assert part in words
    assert client.post(f"{at}/change", {"reviewed": review.context["draft"]}).status_code == 409
    assert client.post(f"{at}/change", {"reviewed": "forged"}).status_code == 403
    assert client.post(f"{at}/change", {"domains": "no domain"}).status_code == 400
    assert client.post(f"{at}/change", {"amount": "31", "unit": "86400"}).status_code == 400
