"""share:created. What may be shared, by whom, for how long."""

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from audit.models import AuditEvent
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, NotFound
from sharing import actions
from sharing.actions.links import CannotBeShared, ShareAlreadyMade
from sharing.models import ShareLink
from tests.factories import make_member
from tests.sharing.conftest import FILES, RECIPIENT, count_pins, link_of, share


def test_it_makes_a_link_of_the_chosen_paths_in_their_order(place):
    made = share(place, "claims/register.csv", "claims/method.md")
    assert made.paths == ("claims/register.csv", "claims/method.md")
    assert made.url == f"{settings.BASE_URL}/s/{made.token}"
    assert count_pins(made) == 2


def test_it_leaves_one_event_with_what_the_link_gives_and_without_its_token(place):
    made = share(place)
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="share:created", target_id=str(made.link.id))
        assert event.detail["after"]["paths"] == list(FILES)
        assert event.detail["after"]["permission"] == "read"
        assert made.token not in str(event.detail)


def test_it_keeps_nothing_of_the_token_but_a_hash_of_the_nonce(place):
    made = share(place)
    with tenant(place.id), connection.cursor() as cursor:
        for table in ("sharing_sharelink", "sharing_sharepath", "sharing_shareattempt", "audit_auditevent"):
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            stored = "".join(row[0] for row in cursor.fetchall())
            assert made.token not in stored
            assert made.token[40:80] not in stored
    assert bytes(link_of(made).nonce_digest) != secrets.digest(made.token)


@pytest.mark.parametrize("seconds", [59, 604_801, 0, -1, 10**12])
def test_it_refuses_a_life_outside_60_seconds_to_7_days(place, seconds):
    with pytest.raises(CannotBeShared, match="60 seconds to 7 days"):
        share(place, seconds=seconds)


@pytest.mark.parametrize("seconds", [60, 604_800])
def test_it_takes_a_life_of_60_seconds_and_of_7_days(place, seconds):
    link = share(place, seconds=seconds).link
    assert (link.expires_at - link.created_at).total_seconds() == seconds


@pytest.mark.parametrize("permission", ["admin", "", "READ", "write "])
def test_it_refuses_admin_and_whatever_else_is_neither_read_nor_write(place, permission):
    with pytest.raises(CannotBeShared, match="admin cannot be shared"):
        share(place, permission=permission)


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("permission", "'admin'", "sharing_permission_is_read_or_write"),
        ("expires_at", "created_at + interval '59 seconds'", "sharing_life_is_60_seconds_to_7_days"),
        ("expires_at", "created_at + interval '7 days 1 second'", "sharing_life_is_60_seconds_to_7_days"),
        ("nonce_digest", "'\\x00'::bytea", "sharing_nonce_is_kept_as_sha256"),
    ],
)
def test_the_database_itself_refuses_what_the_form_refuses(place, column, value, constraint):
    link = share(place).link
    columns = [str(field.column) for field in ShareLink._meta.concrete_fields]
    picked = ", ".join("gen_random_uuid()" if c == "id" else value if c == column else c for c in columns)
    with pytest.raises(IntegrityError, match=constraint), tenant(place.id), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO sharing_sharelink ({', '.join(columns)})"
            f" SELECT {picked} FROM sharing_sharelink WHERE id = %s",
            [link.id],
        )


@pytest.mark.parametrize(
    "column", ["permission", "expires_at", "created_at", "nonce_digest", "environment_id", "membership_id"]
)
def test_the_application_cannot_widen_or_lengthen_a_link_that_is_made(place, column):
    made = share(place)
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        tenant(place.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE sharing_sharelink SET {column} = {column} WHERE id = %s", [made.link.id])


@pytest.mark.parametrize("statement", ["UPDATE {} SET path = 'other'", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["sharing_sharepath", "sharing_shareattempt"])
def test_the_application_cannot_change_pinned_paths_or_what_happened(place, table, statement):
    share(place)
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        tenant(place.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def test_it_refuses_a_read_share_of_what_is_not_there(place):
    with pytest.raises(CannotBeShared) as refused:
        share(place, "claims/register.csv", "claims/none.csv")
    assert refused.value.errors[0]["pointer"] == "/paths/1"


def test_it_takes_a_write_share_of_what_is_not_there_yet(place):
    assert share(place, "inbox/answer.pdf", permission="write").paths == ("inbox/answer.pdf",)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a//b", "a/%2e%2e/b", "C:\\x", "a\0b", "", ".aws/credentials", "a" * 5000]
)
@pytest.mark.parametrize("permission", ["read", "write"])
def test_it_refuses_hostile_and_local_only_paths_and_points_at_them(place, path, permission):
    with pytest.raises(CannotBeShared) as refused:
        share(place, "claims/register.csv", path, permission=permission)
    assert refused.value.errors[0]["pointer"] == "/paths/1"


def test_it_takes_a_path_once_however_often_it_is_named(place):
    assert share(place, "claims/method.md", "claims/method.md").paths == ("claims/method.md",)


def test_it_refuses_no_path_and_more_than_100(place):
    with tenant(place.id):
        for paths in ([], [f"inbox/{number}" for number in range(101)]):
            with pytest.raises(CannotBeShared, match="1 to 100"):
                actions.create_share(actor=place.actor(), paths=paths, permission="write", ttl_seconds=900)


def test_it_takes_100_paths_and_the_token_still_fits_an_address(place):
    made = share(place, *(f"inbox/{'n' * 200}/{number}" for number in range(100)), permission="write")
    assert len(made.token) < 1024
    assert actions.redeem_share(token=made.token, origin=RECIPIENT).paths == made.paths


@pytest.mark.parametrize("purpose", ["x" * 201, "a\0b", "right\u202eleft"])
def test_it_refuses_a_purpose_that_is_no_single_short_line(place, purpose):
    with pytest.raises(CannotBeShared, match="one line"):
        share(place, purpose=purpose)


def test_it_makes_one_line_of_a_purpose(place):
    assert share(place, purpose="  Q3\n claims ").link.purpose == "Q3 claims"


def test_the_purpose_and_the_maker_s_name_are_stored_sealed(place):
    share(place, purpose="canary-7f3a")
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("SELECT purpose, created_by_label FROM sharing_sharelink")
        purpose, label = (bytes(value) for value in cursor.fetchone())
    assert b"canary-7f3a" not in purpose
    assert b"Olive" not in label


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR])
def test_roles_without_the_permission_cannot_share(place, role):
    person = make_member(place, role)
    with pytest.raises(Denied):
        share(place, actor=place.actor(role, person))


def test_nobody_shares_what_they_may_not_do_themselves(place):
    machine = _key(place, Permission.SHARES_CREATE, Permission.OBJECTS_READ)
    share(place, actor=machine)
    with pytest.raises(Denied, match="objects:write"):
        share(place, actor=machine, permission="write")
    with pytest.raises(Denied, match="objects:read"):
        share(place, actor=_key(place, Permission.SHARES_CREATE), permission="read")


def test_a_recipient_cannot_share_further(place):
    actor = actions.redeem_share(token=share(place, permission="write").token, origin=RECIPIENT).actor
    with pytest.raises(Denied):
        share(place, actor=actor)


def test_an_actor_of_another_environment_cannot_share_what_is_in_this_one(place):
    with pytest.raises(CannotBeShared):
        share(place, actor=place.actor(environment_id=place.test_id))


def test_the_same_form_sent_twice_makes_one_link(place):
    made = share(place)
    with pytest.raises(ShareAlreadyMade):
        share(place, share_id=made.link.id)
    with tenant(place.id):
        assert ShareLink.objects.count() == 1
        assert AuditEvent.objects.filter(tag="share:created").count() == 1


def test_refusals_of_input_are_invalid_and_not_conflicts(place):
    assert issubclass(CannotBeShared, Invalid)
    assert not issubclass(CannotBeShared, NotFound)


def _key(place, *scopes):
    """The actor of a new API key of the owner."""
    from dataclasses import replace

    from tenants import actions as tenants

    with tenant(place.id):
        key = tenants.create_api_key(actor=place.actor(), name="ci", scopes=frozenset(scopes)).key
    return replace(
        place.actor(), kind="api_key", id=key.id, label="ci", method=AuthMethod.API_KEY, permissions=frozenset(scopes)
    )
