"""share:opened. A link opens once, for who holds exactly its token, while it lives."""

import base64
import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import recorder
from audit.models import AuditEvent
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.crypto import secrets
from hq.crypto.tokens import SealedTokens
from hq.db.context import tenant
from hq.lib.errors import NotFound
from hq.lib.ids import new_id
from keys import selectors as keys
from sharing import actions, selectors
from sharing.actions import capability, redemption
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.models import ShareLink, ShareSession
from tests.factories import make_member, make_place
from tests.sharing.conftest import FILES, RECIPIENT, attempts_of, count_sessions, kinds_of, link_of, remove, share
from vault import selectors as vault

WORDS = "This link cannot be opened. Ask the person who sent it for a new one."
SEED = 20261122


def redeem(token):
    return actions.redeem_share(token=token, origin=RECIPIENT)


def refused(token):
    with pytest.raises(LinkCannotBeOpened) as caught:
        redeem(token)
    assert str(caught.value) == WORDS
    assert caught.value.status == 404


def test_it_gives_a_session_of_15_minutes_pinned_to_the_paths(place):
    made = share(place)
    session = redeem(made.token)
    assert session.paths == tuple(FILES)
    assert session.actor.pinned == frozenset(FILES)
    assert session.actor.method is AuthMethod.LINK
    assert (session.actor.kind, session.actor.id) == ("link", made.link.id)
    assert session.actor.label == "Recipient of “Q3 claims”"
    assert session.actor.permissions == {Permission.OBJECTS_READ}
    assert session.expires_at - link_of(made).opened_at == timedelta(minutes=15)
    assert session.session_token.startswith("hqt_")


def test_a_write_link_gives_reading_and_writing_and_nothing_else(place):
    session = redeem(share(place, permission="write").token)
    assert session.actor.permissions == {Permission.OBJECTS_READ, Permission.OBJECTS_WRITE}


def test_a_session_sees_its_paths_only(place):
    actor = redeem(share(place, "claims/method.md").token).actor
    with tenant(place.id):
        assert vault.get_object(actor, "claims/method.md").size == 9
        with pytest.raises(NotFound):
            vault.get_object(actor, "claims/register.csv")
        with pytest.raises(NotFound):
            vault.list_objects(actor)


def test_it_keeps_who_opened_it_and_one_event(place):
    made = share(place)
    redeem(made.token)
    link = link_of(made)
    assert link.opened_ip == RECIPIENT.ip
    (opened,) = attempts_of(made)
    assert (opened.kind, opened.ip, opened.user_agent) == ("opened", RECIPIENT.ip, "Firefox")
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="share:opened", target_id=str(made.link.id))
        assert (event.actor_kind, event.method, event.ip) == ("link", "link", RECIPIENT.ip)


def test_the_session_token_is_kept_as_its_sha256_only(place):
    session = redeem(share(place).token)
    with tenant(place.id):
        row = ShareSession.objects.get()
        assert bytes(row.token_digest) == secrets.digest(session.session_token)
    assert session.session_token not in repr(session)


def test_a_second_redemption_is_refused_and_kept(place):
    made = share(place)
    redeem(made.token)
    refused(made.token)
    assert kinds_of(made) == ["opened", "spent"]
    assert count_sessions(made) == 1


def test_an_expired_link_is_refused(place, earlier):
    earlier(timedelta(minutes=2))
    made = share(place, seconds=60)
    refused(made.token)
    assert kinds_of(made) == ["expired"]
    assert count_sessions(made) == 0


def test_the_statement_itself_refuses_an_expired_link(place, earlier):
    """The clock of the database decides, in the statement that writes."""
    earlier(timedelta(minutes=2))
    made = share(place, seconds=60)
    with tenant(place.id):
        assert not redemption.consume(made.link, bytes(made.link.nonce_digest), made.link.created_at, None)


def test_the_statement_itself_refuses_another_nonce(place):
    made = share(place)
    with tenant(place.id):
        assert not redemption.consume(made.link, bytes(32), made.link.created_at, None)


def test_a_revoked_link_is_refused(place):
    made = share(place)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=made.link.id)
    refused(made.token)
    assert kinds_of(made) == ["revoked"]


def test_the_statement_itself_refuses_a_revoked_link(place):
    made = share(place)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=made.link.id)
        assert not redemption.consume(made.link, bytes(made.link.nonce_digest), made.link.created_at, None)


def test_a_link_whose_maker_left_is_refused(place):
    person = make_member(place, Role.DEVELOPER)
    made = share(place, actor=place.actor(Role.DEVELOPER, person))
    remove(place, made)
    refused(made.token)
    assert kinds_of(made) == ["revoked"]


def test_every_changed_character_is_refused(place):
    """Each position is changed once, to a character that its seed chooses."""
    made = share(place)
    chance = random.Random(SEED)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for position in range(len(made.token)):
        other = chance.choice([letter for letter in alphabet if letter != made.token[position]])
        refused(made.token[:position] + other + made.token[position + 1 :])
    assert link_of(made).opened_at is None
    redeem(made.token)


@pytest.mark.parametrize("cut", [1, 2, 16, 100, 300])
def test_a_cut_token_is_refused(place, cut):
    made = share(place)
    refused(made.token[:-cut])
    refused(made.token[cut:])


@pytest.mark.parametrize(
    "token",
    [
        "",
        "hqs_",
        "hqs_" + "A" * 5000,
        "hqs_" + "A" * 100_000,
        "x",
        "\0",
        "hqs_\0",
        "hqs_ünï",
        "hqs_\ud800",
        "٣" * 60,
        "hqs_" + "=" * 40,
        "../../s",
        "a b",
    ],
    ids=lambda token: f"{len(token)} characters",
)
def test_what_is_no_token_gets_the_same_answer(place, token):
    refused(token)


def test_a_token_with_something_behind_it_is_refused(place):
    made = share(place)
    for more in ("=", "A", "\n", " ", "%00"):
        refused(made.token + more)


def test_an_unknown_link_gets_the_same_answer_after_unsealing_under_a_decoy(place, monkeypatch):
    opened = []
    real = SealedTokens.open

    def watched(self, token):
        opened.append(token)
        return real(self, token)

    monkeypatch.setattr(SealedTokens, "open", watched)
    token = SealedTokens(bytes(32)).seal(new_id().bytes, b"{}")
    refused(token)
    assert opened == [token]


def test_a_refused_try_on_an_unknown_link_costs_as_many_queries_as_on_a_known_one(place, django_assert_max_num_queries):
    made = share(place)
    redeem(made.token)
    with django_assert_max_num_queries(1000) as known:
        refused(made.token[:-1] + ("A" if made.token[-1] != "A" else "Q"))
    with django_assert_max_num_queries(1000) as unknown:
        refused(SealedTokens(bytes(32)).seal(new_id().bytes, b"{}"))
    # What differs is the record of the try: counting what is there, and one insert.
    assert 0 <= len(known) - len(unknown) <= 2


def test_a_token_of_another_organization_opens_nothing_here(place):
    """The other one's token with this one's link id in its clear header."""
    made = share(place)
    other = make_place()
    with tenant(other.id):
        theirs = actions.create_share(actor=other.actor(), paths=["inbox/x"], permission="write", ttl_seconds=900)
    refused(_with_header(theirs.token, made.link.id))
    assert link_of(made).opened_at is None
    assert link_of(theirs).opened_at is None


def test_a_token_sealed_under_another_environment_s_key_opens_nothing(place):
    """KEY-5: the same row, the same payload, the key of `test` instead of `live`."""
    made = share(place)
    link = link_of(made)
    with tenant(place.id):
        nonce = capability.nonce_of(made.token, link, made.paths)
        link.environment_id = place.test_id
        link.key_version = capability.current_version(place.id, place.test_id)
        forged = capability.seal(link, made.paths, nonce)
    refused(forged)
    assert link_of(made).opened_at is None


def test_a_token_whose_row_says_something_else_is_refused(place, monkeypatch):
    """Somebody who can write to the database still cannot widen a link: its token says what it gives."""
    made = share(place, "claims/method.md")
    real = selectors.list_pins
    monkeypatch.setattr(selectors, "list_pins", lambda *where: (*real(*where), "claims/register.csv"))
    refused(made.token)
    assert kinds_of(made) == ["tampered"]


def test_a_token_with_another_nonce_is_refused(place):
    made = share(place)
    with tenant(place.id):
        forged = capability.seal(link_of(made), made.paths, bytes(32))
    refused(forged)
    assert kinds_of(made) == ["tampered"]


def test_refused_tries_are_kept_up_to_a_bound(place, monkeypatch):
    monkeypatch.setattr("sharing.actions.attempts.KEPT", 3)
    made = share(place)
    redeem(made.token)
    for _ in range(5):
        refused(made.token)
    assert kinds_of(made) == ["opened", "spent", "spent", "spent"]


def test_the_event_is_the_last_statement(place):
    """Recording earlier deadlocks two actions: the chain's head is locked last of all."""
    made = share(place)
    with CaptureQueriesContext(connection) as queries:
        redeem(made.token)
    statements = [
        query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "SELECT set_config"))
    ]
    assert "UPDATE audit_chainhead" in statements[-1]


def test_it_undoes_everything_when_recording_fails(place, monkeypatch):
    made = share(place)

    def broken(*_args, **_more):
        raise RuntimeError("the chain is out of reach")

    monkeypatch.setattr(recorder, "record", broken)
    with pytest.raises(RuntimeError):
        redeem(made.token)
    monkeypatch.undo()
    assert link_of(made).opened_at is None
    assert count_sessions(made) == 0
    redeem(made.token)


def test_links_of_a_retired_key_version_are_asked_for_by_that_version(place, monkeypatch):
    made = share(place)
    asked = []
    real = keys.capability_key

    def recorded(organization_id, environment_id, version=None):
        asked.append(version)
        return real(organization_id, environment_id, version)

    monkeypatch.setattr(keys, "capability_key", recorded)
    redeem(made.token)
    assert asked == [made.link.key_version]


def test_the_model_names_no_way_to_have_two_sessions(place):
    names = {constraint.name for constraint in ShareSession._meta.constraints}
    assert "sharing_one_session_a_link" in names
    assert ShareLink.Level.values == ["read", "write"]


def _with_header(token, link_id):
    body = token.removeprefix("hqs_")
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[1:17] = link_id.bytes
    return "hqs_" + base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
