"""What second factors hold is sealed, tied to its place, and reached by a rotation of the deployment's key (KEY-8)."""

import json
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.test import Client

from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import Purpose
from hq.lib.clock import now
from hq.lib.ids import new_id
from keys import actions, registry, rings
from keys.columns import Batch
from keys.models import Cmk, DataKey
from tenants.columns import Factors
from tests.factories import run_jobs
from tests.factors import add_app, begin, clock, confirm, is_signed_in, recovery_codes, secret_on, with_password
from tests.keys.support import new_data_key, settle

__all__ = ["clock"]
pytestmark = pytest.mark.django_db(transaction=True)
STEP, ADD_APP = "/account/2fa/authenticate/", "/account/2fa/totp/activate/"
HOLDER = Factors()


@pytest.fixture(autouse=True)
def _no_limits_left_from_before() -> None:
    cache.clear()


@pytest.fixture
def person(transactional_db):
    return with_password()


def stored() -> dict[int, dict[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, data::text FROM mfa_authenticator")
        return {row: json.loads(text) for row, text in cursor.fetchall()}


def put(row: int, data: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mfa_authenticator SET data = %s::jsonb WHERE id = %s", [json.dumps(data), row])


def key(person, name="Passkey"):
    return Authenticator.objects.create(user=person, type="webauthn", data={"name": name, "credential": {"id": "x"}})


class TestAtRest:
    def test_neither_seed_nor_codes_nor_key_stand_in_the_database(self, person, clock):
        client = confirm(begin(person))
        secret = secret_on(client.get(ADD_APP).content)
        sessions = str([session.get_decoded() for session in Session.objects.all()])
        assert "mfa.totp.secret" in sessions
        assert secret not in sessions
        app = add_app(client, clock)
        codes = recovery_codes(client)
        key(person)
        rows = stored()
        assert len(rows) == 3
        assert all(set(data) == {"sealed"} for data in rows.values())
        for word in (app.secret, *codes, "Passkey", "credential"):
            assert word not in str(rows)

    def test_what_was_written_is_read(self, person):
        made = key(person, "Blue key")
        assert made.data["name"] == "Blue key"
        for row in (
            Authenticator.objects.get(),
            Authenticator.objects.defer("data").get(),
            Authenticator.objects.only("pk").get(),
        ):
            assert row.data == {"name": "Blue key", "credential": {"id": "x"}}
        made.refresh_from_db()
        made.data["name"] = "Red key"
        made.save()
        assert Authenticator.objects.get().wrap().name == "Red key"

    def test_a_save_of_another_column_writes_no_document(self, person):
        made = key(person)
        before = stored()
        made.record_usage()
        assert stored() == before
        assert made.data["name"] == "Passkey"

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"secret": "JBSWY3DPEHPK3PXP"},
            {"sealed": "A" * 60, "secret": "x"},
            {"sealed": "plain text"},
            {"sealed": None},
            {"sealed": {}},
            {"sealed": "A" * 61},
            [],
            "text",
        ],
    )
    def test_the_database_refuses_what_is_not_sealed(self, person, data):
        made = key(person)
        with pytest.raises(IntegrityError, match="tenants_factor_is_sealed"), transaction.atomic():
            Authenticator.objects.filter(pk=made.pk).update(data=data)

    def test_a_refused_save_leaves_a_row_that_can_be_saved(self, person):
        Authenticator.objects.create(user=person, type="totp", data={"secret": "a"})
        second = Authenticator(user=person, type="totp", data={"secret": "b"})
        with pytest.raises(IntegrityError), transaction.atomic():
            second.save()
        Authenticator.objects.all().delete()
        second.save()
        assert Authenticator.objects.get().data == {"secret": "b"}


class TestBinding:
    """Whoever can write to the database can still take a row away, or put back a former document of the same row."""

    def test_a_document_opens_in_its_own_row_only(self, person):
        first, second = key(person, "One"), key(person, "Two")
        put(first.pk, stored()[second.pk])
        with pytest.raises(Tampered):
            Authenticator.objects.get(pk=first.pk)

    def test_a_row_that_is_given_to_another_person_opens_no_more(self, person):
        made = key(person)
        Authenticator.objects.filter(pk=made.pk).update(user=with_password())
        with pytest.raises(Tampered):
            Authenticator.objects.get()

    def test_a_row_that_is_called_another_kind_opens_no_more(self, person):
        key(person)
        Authenticator.objects.update(type="totp")
        with pytest.raises(Tampered):
            Authenticator.objects.get()

    def test_changed_bytes_open_no_more_and_sign_nobody_in(self, person, clock):
        app = add_app(confirm(begin(person)), clock)
        [row] = Authenticator.objects.filter(type="totp").values_list("pk", flat=True)
        sealed = stored()[row]["sealed"]
        put(row, {"sealed": sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]})
        client = begin(person, Client(raise_request_exception=False))
        assert client.post(STEP, {"code": app.next_code()}).status_code == 500
        assert not is_signed_in(client)


@contextmanager
def held_by_somebody(row: int):
    """Another connection is changing this row."""
    import psycopg

    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT 1 FROM mfa_authenticator WHERE id = %s FOR UPDATE", [row])
        yield
        other.rollback()


@contextmanager
def impatient():
    with tenant(PLATFORM_ID), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        yield


class TestRotation:
    def test_it_is_the_deployments_and_no_organizations(self):
        assert HOLDER.name in [holder.name for holder in registry.holders(PLATFORM_ID)]
        assert HOLDER.name not in [holder.name for holder in registry.holders(new_id())]
        assert (HOLDER.title, HOLDER.purpose) == ("Second factors and passkeys", Purpose.PEOPLE)

    def test_a_rotation_of_the_deployments_key_reaches_every_factor(self, person, clock):
        client = confirm(begin(person))
        app = add_app(client, clock)
        codes = recovery_codes(client)
        named = key(person, "Kept")
        before = stored()
        [held] = [HOLDER.count(PLATFORM_ID)]
        assert held.rows == 3
        with tenant(PLATFORM_ID):
            Cmk.objects.update(rotated_at=now() - timedelta(days=365))
        actions.find_work()
        run_jobs()
        assert settle(PLATFORM_ID).state == "DONE"
        with tenant(PLATFORM_ID):
            current = DataKey.objects.get(purpose="people", retired_at=None).version
        assert current == 2
        assert HOLDER.left(PLATFORM_ID, current) == 0
        assert all(stored()[row] != data for row, data in before.items())
        rings.forget()
        named.refresh_from_db()
        assert named.data["name"] == "Kept"
        for code in (app.next_code(), codes[5]):
            again = begin(person)
            again.post(STEP, {"code": code})
            assert is_signed_in(again)

    def test_it_goes_on_where_it_stopped(self, person):
        rows = [key(person, str(number)).pk for number in range(5)]
        version = new_data_key(PLATFORM_ID, Purpose.PEOPLE)
        assert HOLDER.left(PLATFORM_ID, version) == 5
        step = lambda: tenant(PLATFORM_ID)  # noqa: E731 - used on the next lines only
        first = HOLDER.reseal(step, PLATFORM_ID, version, None, 2)
        assert first == Batch(2, 0, UUID(int=rows[1]))
        assert HOLDER.left(PLATFORM_ID, version) == 3
        assert HOLDER.reseal(step, PLATFORM_ID, version, first.last, 100) == (3, 0, None)
        assert HOLDER.left(PLATFORM_ID, version) == 0
        assert [row.data["name"] for row in Authenticator.objects.order_by("pk")] == ["0", "1", "2", "3", "4"]

    def test_what_does_not_open_is_left_as_it_is_and_counted(self, person):
        first, second = key(person), key(person)
        put(first.pk, stored()[second.pk])
        before = stored()[first.pk]
        version = new_data_key(PLATFORM_ID, Purpose.PEOPLE)
        assert HOLDER.reseal(lambda: tenant(PLATFORM_ID), PLATFORM_ID, version, None, 100) == (1, 1, None)
        assert stored()[first.pk] == before
        assert HOLDER.left(PLATFORM_ID, version) == 1

    def test_it_waits_for_nobody(self, person):
        held, free = key(person, "held"), key(person, "free")
        version = new_data_key(PLATFORM_ID, Purpose.PEOPLE)
        with held_by_somebody(held.pk):
            assert HOLDER.reseal(impatient, PLATFORM_ID, version, None, 100) == (1, 0, None)
        assert HOLDER.left(PLATFORM_ID, version) == 1
        assert Authenticator.objects.get(pk=free.pk).data["name"] == "free"

    def test_values_under_the_former_key_are_read_until_then(self, person):
        key(person, "old")
        new_data_key(PLATFORM_ID, Purpose.PEOPLE)
        assert Authenticator.objects.get().data["name"] == "old"
