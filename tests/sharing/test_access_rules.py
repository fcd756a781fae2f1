"""Sharing where access rules decide (ACC-2): what may be shared, which links are seen, and what a link lives on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPResponse
from threading import Event

import pytest
from django.conf import settings

from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from hq.web import transfer
from sharing import actions, selectors
from sharing.actions.links import MadeShare
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.actions.sessions import SessionEnded
from sharing.models import State
from sharing.views.recipient import COOKIE
from tenants import actions as tenants
from tenants.actions.api_keys import ScopeNotYours
from tenants.models import ApiKey
from tests.factories import Place, make_place, sign_in
from tests.sharing.conftest import RECIPIENT, kinds_of, link_of, share
from tests.vault.limited import Member, let_rules_decide, member, store
from tests.vault.support import files
from tests.vault.test_streams_end import LARGE, MEBIBYTE, TOKEN, begun, rest_of, slow, stored

__all__ = ["begun"]  # a fixture
PATHS = ["claims/a", "claims/b", "hr/pay/jan", "hr/reviews/x", "zoo"]


def prepared(place: Place) -> Place:
    store(place, PATHS)
    let_rules_decide(place)
    return place


@pytest.fixture
def place(db: None) -> Place:
    return prepared(make_place())


@pytest.fixture
def committed(transactional_db: None, address: str) -> Place:
    return prepared(make_place())


@pytest.fixture
def ann(place: Place) -> Member:
    """Reads claims/, writes hr/pay/; a developer, so she shares by her role."""
    found = member(place)
    found.give("claims/")
    found.give("hr/pay/", Level.WRITE)
    return found


# ---- what may be shared


def test_a_role_that_shares_shares_what_rules_let_it_do(ann: Member) -> None:
    share(ann.place, "claims/a", "hr/pay/jan", actor=ann.actor)
    share(ann.place, "hr/pay/new", actor=ann.actor, permission="write")
    with pytest.raises(Denied, match="objects:write"):
        share(ann.place, "claims/a", actor=ann.actor, permission="write")
    for paths in (["zoo"], ["claims/a", "zoo"], ["hr/reviews/x"], ["claims/a", "no/such"]):
        with pytest.raises(Denied, match="objects:read"):
            share(ann.place, *paths, actor=ann.actor)


def test_a_rule_of_level_admin_gives_sharing_below_its_folder_and_the_weaker_do_not(place: Place) -> None:
    bert = member(place, Role.ANALYST)
    bert.give("hr/", Level.ADMIN)
    bert.give("claims/", Level.WRITE)
    share(place, "hr/pay/jan", "hr/reviews/x", actor=bert.actor, permission="write")
    for paths in (["claims/a"], ["hr/pay/jan", "claims/a"]):
        with pytest.raises(Denied, match="shares:create"):
            share(place, *paths, actor=bert.actor)


def test_who_shares_only_by_a_rule_sees_and_revokes_links_of_their_own_and_no_others(place: Place) -> None:
    bert = member(place, Role.ANALYST)
    foreign = share(place, "hr/pay/jan").link
    with tenant(place.id), pytest.raises(Denied, match="shares:read"):
        selectors.list_shares(bert.actor)
    bert.give("hr/", Level.ADMIN)
    own = share(place, "hr/pay/jan", actor=bert.actor).link
    with tenant(place.id):
        assert [link.id for link in selectors.list_shares(bert.actor)] == [own.id]
        actions.revoke_share(actor=bert.actor, share_id=own.id)
        with pytest.raises(NotFound):
            actions.revoke_share(actor=bert.actor, share_id=foreign.id)


def test_a_hundred_paths_are_asked_about_at_the_price_of_one(
    ann: Member, django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    store(ann.place, [f"claims/many/{number}" for number in range(30)])
    share(ann.place, "claims/a", actor=ann.actor)  # so that keys are at hand
    with django_assert_max_num_queries(40):
        share(ann.place, *(f"claims/many/{number}" for number in range(30)), actor=ann.actor)


def test_no_rule_and_no_key_lets_a_service_account_share(place: Place) -> None:
    owner = place.actor()
    with tenant(place.id):
        account = tenants.create_service_account(actor=owner, name="Importer")
        tenants.give_access(actor=owner, prefix="claims/", level=Level.ADMIN, service_account_id=account.id)
        scopes = frozenset({Permission.OBJECTS_READ, Permission.SHARES_CREATE})
        with pytest.raises(ScopeNotYours):
            tenants.create_api_key(actor=owner, name="k", scopes=scopes, service_account_id=account.id)
        made = tenants.create_api_key(
            actor=owner, name="k", scopes=frozenset({Permission.OBJECTS_READ}), service_account_id=account.id
        )
        ApiKey.objects.update(scopes=sorted(scopes))  # as a key from before it was so
    actor = tenants.authenticate_api_key(secret=made.secret, origin=RECIPIENT)
    with pytest.raises(Denied, match="shares:create"):
        share(place, "claims/a", actor=actor)


# ---- which links are seen


def seen_by(who: Member) -> set[str]:
    with tenant(who.place.id):
        rows = selectors.list_shares(who.actor)
        assert sum(selectors.count_states(who.actor).values()) == len(rows)
        return {row.purpose for row in rows}


def test_a_reader_by_rules_sees_the_links_whose_every_path_is_theirs_and_their_own(ann: Member) -> None:
    place = ann.place
    share(place, "claims/a", "hr/pay/jan", purpose="theirs")
    ann.give("zoo/")
    ann.give("hr/reviews/")
    share(place, "hr/reviews/x", actor=ann.actor, purpose="own")
    ann.withdraw("hr/reviews/")
    hidden = [share(place, "zoo", purpose="zoo"), share(place, "claims/a", "zoo", purpose="half")]
    assert seen_by(ann) == {"theirs", "own"}
    for made in hidden:
        with tenant(place.id), pytest.raises(NotFound):
            selectors.get_share(ann.actor, made.link.id)
        with tenant(place.id), pytest.raises(NotFound):
            actions.revoke_share(actor=ann.actor, share_id=made.link.id)
        opens(made)  # which is kept
        with tenant(place.id):
            assert selectors.list_attempts(place.actor(), made.link.id)
            assert not selectors.list_attempts(ann.actor, made.link.id)
        assert link_of(made).state == State.WAITING


def test_owners_and_auditors_see_every_link(ann: Member) -> None:
    share(ann.place, "zoo", purpose="zoo")
    auditor = member(ann.place, Role.AUDITOR)
    assert seen_by(auditor) == {"zoo"}
    auditor.give("claims/")  # a rule takes nothing away
    assert seen_by(auditor) == {"zoo"}
    with tenant(ann.place.id):
        assert len(selectors.list_shares(ann.place.actor())) == 1


def test_without_any_rule_only_their_own_links_are_left(ann: Member) -> None:
    share(ann.place, "claims/a", actor=ann.actor, purpose="own")
    share(ann.place, "claims/a", purpose="another's")
    assert seen_by(ann) == {"own", "another's"}
    ann.withdraw("claims/")
    ann.withdraw("hr/pay/")
    assert seen_by(ann) == {"own"}


def test_the_page_for_a_new_link_looks_at_nothing_that_is_not_theirs(committed: Place) -> None:
    ann = member(committed)
    ann.give("claims/")
    client, base = sign_in(ann.person), f"/o/{committed.slug}/live/shares/"
    page = client.get(f"{base}new?path=claims/a&path=zoo&path=none").content.decode()
    assert page.count("Not there yet") == 2
    assert client.get(base).status_code == 200
    bert = member(committed, Role.ANALYST)
    assert sign_in(bert.person).get(f"{base}new").status_code == 403
    bert.give("hr/", Level.ADMIN)
    assert sign_in(bert.person).get(f"{base}new").status_code == 200


# ---- what a link lives on


def opens(made: MadeShare) -> bool:
    try:
        actions.look_at_link(token=made.token, origin=RECIPIENT)
    except LinkCannotBeOpened:
        return False
    return True


def works(session_token: str) -> bool:
    try:
        actions.open_session(session_token=session_token, origin=RECIPIENT)
    except SessionEnded:
        return False
    return True


def test_a_link_and_its_session_end_with_the_rule_that_they_stand_on(ann: Member) -> None:
    waiting, opened = (share(ann.place, "claims/a", actor=ann.actor) for _ in range(2))
    session = actions.redeem_share(token=opened.token, origin=RECIPIENT).session_token
    assert opens(waiting)
    assert works(session)
    ann.withdraw("claims/")
    assert not opens(waiting)
    assert not works(session)
    with pytest.raises(LinkCannotBeOpened):
        actions.redeem_share(token=waiting.token, origin=RECIPIENT)
    assert kinds_of(waiting)[-1] == "unbacked"
    ann.give("claims/")
    assert opens(waiting)


def test_a_link_for_writing_needs_the_maker_s_level_to_stay(ann: Member) -> None:
    made = share(ann.place, "hr/pay/jan", actor=ann.actor, permission="write")
    ann.give("hr/pay/", Level.READ)
    assert not opens(made)


def test_a_link_with_one_path_out_of_reach_gives_none(ann: Member) -> None:
    made = share(ann.place, "claims/a", "hr/pay/jan", actor=ann.actor)
    ann.withdraw("hr/pay/")
    assert not opens(made)


def test_a_link_ends_when_rules_begin_to_decide(db: None) -> None:
    place = make_place()
    store(place, PATHS)
    made = share(place, "claims/a", actor=member(place).actor)
    assert opens(made)
    let_rules_decide(place)
    assert not opens(made)


def test_a_link_stands_on_its_key_s_scopes_as_well(ann: Member) -> None:
    actor = tenants.authenticate_api_key(
        secret=ann.api().client.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "), origin=RECIPIENT
    )
    made = share(ann.place, "claims/a", actor=actor)
    assert opens(made)
    with tenant(ann.place.id):
        made.link.refresh_from_db()
        made.link.api_key.scopes = [Permission.SHARES_CREATE.value]
        made.link.api_key.save(update_fields=["scopes"])
    assert not opens(made)


def test_a_link_is_dead_in_a_suspended_organization_and_of_a_deactivated_person(ann: Member) -> None:
    made = share(ann.place, "claims/a", actor=ann.actor)
    type(ann.person).objects.filter(pk=ann.person.pk).update(is_active=False)
    assert not opens(made)
    type(ann.person).objects.filter(pk=ann.person.pk).update(is_active=True)
    assert opens(made)
    with tenant(ann.place.id):
        type(ann.place.organization).objects.filter(pk=ann.place.id).update(state="SUSPENDED")
    assert not opens(made)


def test_removing_somebody_revokes_their_links_in_one_act(ann: Member) -> None:
    mine, another = share(ann.place, "claims/a", actor=ann.actor), share(ann.place, "claims/a")
    ann.leave()
    assert (link_of(mine).state, link_of(another).state) == (State.REVOKED, State.WAITING)
    assert link_of(mine).revoked_by_label == ann.place.actor().label


# ---- transfers that are under way


Begin = Callable[[str], tuple[str, dict[str, str]]]


def by_api(session_token: str) -> tuple[str, dict[str, str]]:
    return "/v1/shared/objects/ann/large", {"Authorization": f"Bearer {session_token}"}


def by_cookie(session_token: str) -> tuple[str, dict[str, str]]:
    cookies = f"{COOKIE}x={session_token}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    return "/shared/ann/large", {"Cookie": cookies, "X-CSRFToken": TOKEN}


@pytest.fixture
def writer(committed: Place) -> Member:
    found = member(committed)
    found.give("ann/", Level.WRITE)
    return found


def revoked(made: MadeShare, writer: Member) -> None:
    with tenant(writer.place.id):
        actions.revoke_share(actor=writer.place.actor(), share_id=made.link.id)


def left_by_its_maker(made: MadeShare, writer: Member) -> None:
    writer.leave()


def without_the_rule(made: MadeShare, writer: Member) -> None:
    writer.withdraw("ann/")


WAYS = [(by_api, revoked), (by_api, left_by_its_maker), (by_api, without_the_rule), (by_cookie, revoked)]
End = Callable[[MadeShare, Member], None]


@pytest.mark.parametrize(("begin", "end"), WAYS)
def test_a_recipient_s_download_breaks_off(
    writer: Member, monkeypatch: pytest.MonkeyPatch, begin: Begin, end: End
) -> None:
    monkeypatch.setattr(transfer, "ASKED_EVERY", 0.0)
    stored(writer.place, LARGE)
    made = share(writer.place, "ann/large", actor=writer.actor)
    path, headers = begin(actions.redeem_share(token=made.token, origin=RECIPIENT).session_token)
    with slow("GET", path, headers) as connection:
        answer: HTTPResponse = connection.getresponse()
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(LARGE))
        first = len(answer.read(64 * 1024))
        end(made, writer)
        assert first + rest_of(answer) < LARGE


@pytest.mark.parametrize(("begin", "end"), WAYS)
def test_a_recipient_s_upload_is_not_stored(writer: Member, begun: Event, begin: Begin, end: End) -> None:
    before = files(writer.place)
    made = share(writer.place, "ann/large", actor=writer.actor, permission="write")
    path, headers = begin(actions.redeem_share(token=made.token, origin=RECIPIENT).session_token)
    with slow("PUT", path, headers, length=MEBIBYTE) as connection:
        connection.send(bytes(MEBIBYTE // 2))
        assert begun.wait(30)
        end(made, writer)
        connection.send(bytes(MEBIBYTE // 2))
        assert connection.getresponse().status == 403
    assert files(writer.place) == before


def test_a_recipient_s_transfer_may_outlast_the_quarter_of_an_hour(writer: Member) -> None:
    stored(writer.place, MEBIBYTE)
    made = share(writer.place, "ann/large", actor=writer.actor)
    session = actions.redeem_share(token=made.token, origin=RECIPIENT)
    with tenant(writer.place.id):
        made.link.refresh_from_db()
        made.link.sessions.all().delete()  # as the sweep does with those that are over
    assert actions.still_given(session.actor)
    assert not works(session.session_token)
