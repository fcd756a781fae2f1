"""keys.actions: each organization's own CMK and data keys (KEY-1, KEY-3, KEY-5)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from hq.authz.actor import system_actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyUnavailable, Purpose
from hq.lib.clock import now
from hq.lib.errors import Denied
from hq.lib.ids import new_id
from keys import actions, rings, selectors
from keys.actions.provisioning import ORGANIZATION_PURPOSES
from keys.models import Cmk, DataKey
from keys.providers import KeyState, ProviderUnavailable, provider
from tests.keys.conftest import provisioner, reader

pytestmark = pytest.mark.django_db


def purposes(organization_id):
    with tenant(organization_id):
        return sorted(DataKey.objects.filter(organization_id=organization_id).values_list("purpose", "version"))


def test_it_makes_a_cmk_tagged_with_the_tenant_and_a_key_for_each_purpose(org):
    cmk = actions.provision_keys(actor=provisioner(org))
    found = provider("embedded").describe_key(cmk.ref)
    assert (dict(found.tags), found.state) == ({"hq:organization": str(org)}, KeyState.ENABLED)
    assert purposes(org) == [("audit", 1), ("blind_index", 1), ("content", 1), ("metadata", 1)]


def test_every_data_key_is_another(org):
    actions.provision_keys(actor=provisioner(org))
    actions.provision_keys(actor=provisioner(other := new_id()))
    keys = [rings.cache.ring(o, p).keys[1] for o in (org, other) for p in ORGANIZATION_PURPOSES]
    assert len(set(keys)) == 8


def test_it_may_be_repeated(org):
    first = actions.provision_keys(actor=provisioner(org))
    content = selectors.content_key(org)
    assert actions.provision_keys(actor=provisioner(org)).pk == first.pk
    rings.forget()
    assert selectors.content_key(org) == content
    assert len(purposes(org)) == 4


def test_it_makes_what_is_missing(org):
    actions.provision_environment_keys(actor=provisioner(org), environment_id=new_id())
    assert purposes(org) == [("capability", 1)]
    actions.provision_keys(actor=provisioner(org))
    assert len(purposes(org)) == 5
    with tenant(org):
        assert Cmk.objects.count() == 1


def test_each_environment_gets_a_capability_key_of_its_own(org, environment_id):
    live = actions.provision_environment_keys(actor=provisioner(org), environment_id=environment_id)
    test = actions.provision_environment_keys(actor=provisioner(org), environment_id=(test_id := new_id()))
    again = actions.provision_environment_keys(actor=provisioner(org), environment_id=environment_id)
    assert (live.pk == again.pk, live.pk == test.pk) == (True, False)
    assert selectors.capability_key(org, environment_id).key != selectors.capability_key(org, test_id).key


@pytest.mark.parametrize("verb", [actions.provision_keys, actions.provision_environment_keys])
def test_it_needs_the_permission(org, verb):
    more = {"environment_id": new_id()} if verb is actions.provision_environment_keys else {}
    for actor in (system_actor(org, Permission.OBJECTS_READ), reader(org)):
        with pytest.raises(Denied):
            verb(actor=actor, **more)
    assert purposes(org) == []


def test_undone_it_leaves_no_key_in_memory(org):
    with transaction.atomic():
        actions.provision_keys(actor=provisioner(org))
        lost = selectors.content_key(org)
        transaction.set_rollback(True)
    with pytest.raises(KeyUnavailable):
        selectors.content_key(org)
    actions.provision_keys(actor=provisioner(org))
    assert selectors.content_key(org).key != lost.key


def test_without_a_provider_nothing_is_written(org, settings, tmp_path):
    settings.ROOT_KEY_FILE = tmp_path / "missing"
    with pytest.raises(ProviderUnavailable):
        actions.provision_keys(actor=provisioner(org))
    assert purposes(org) == []


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def in_threads(self, count, work):
        barrier = threading.Barrier(count)

        def run(_):
            try:
                barrier.wait(10)
                return work()
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(run, range(count)))

    def test_raced_it_makes_one_cmk(self, org, environment_id):
        def work():
            cmk = actions.provision_keys(actor=provisioner(org))
            actions.provision_environment_keys(actor=provisioner(org), environment_id=environment_id)
            return cmk.pk, selectors.content_key(org), selectors.capability_key(org, environment_id)

        assert len(set(self.in_threads(6, work))) == 1
        assert len(purposes(org)) == 5

    def test_raced_the_deployment_gets_one_cmk(self):
        assert len({cmk.pk for cmk in self.in_threads(6, actions.ensure_platform_keys)}) == 1
        assert purposes(PLATFORM_ID) == [("audit", 1), ("metadata", 1), ("people", 1), ("signing", 1)]

    def test_two_organizations_do_not_wait_for_each_other(self, org):
        def work():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
            return actions.provision_keys(actor=provisioner(new_id()))

        with transaction.atomic():
            actions.provision_keys(actor=provisioner(org))
            [other] = self.in_threads(1, work)
        assert other.organization_id != org

    def test_nobody_else_uses_keys_that_may_still_be_undone(self, org):
        with transaction.atomic():
            actions.provision_keys(actor=provisioner(org))
            assert selectors.content_key(org).version == 1
            with pytest.raises(KeyUnavailable):
                self.in_threads(1, lambda: selectors.content_key(org))
            transaction.set_rollback(True)
        with pytest.raises(KeyUnavailable):
            selectors.content_key(org)


class TestPlatform:
    def test_the_command_may_be_repeated(self, capsys):
        call_command("ensure_platform_keys")
        call_command("ensure_platform_keys")
        first, second = capsys.readouterr().out.splitlines()
        assert first == second
        assert purposes(PLATFORM_ID) == [("audit", 1), ("metadata", 1), ("people", 1), ("signing", 1)]

    def test_the_command_says_what_is_wrong_with_the_root_key(self, settings, tmp_path):
        settings.ROOT_KEY_FILE = tmp_path / "missing"
        with tenant(PLATFORM_ID):
            Cmk.objects.update(retired_at=now())
        with pytest.raises(CommandError, match="root key file"):
            call_command("ensure_platform_keys")


class TestTables:
    """What the database itself does not let happen."""

    @pytest.fixture
    def cmk(self, org):
        return actions.provision_keys(actor=provisioner(org))

    def data_key(self, cmk, /, **changes):
        given = {
            "organization_id": cmk.organization_id,
            "purpose": Purpose.CONTENT,
            "version": 2,
            "retired_at": cmk.created_at,
            "wrapped": b"w" * 100,
            "cmk": cmk,
            "cmk_version": 1,
        }
        with tenant(cmk.organization_id), transaction.atomic():
            return DataKey.objects.create(**given | changes)

    def test_one_cmk_in_use_an_organization(self, cmk, org):
        with pytest.raises(IntegrityError, match="keys_one_cmk_in_use"), tenant(org):
            Cmk.objects.create(organization_id=org, provider="embedded", ref="other")

    def test_one_current_key_a_purpose(self, cmk):
        self.data_key(cmk)
        with pytest.raises(IntegrityError, match="keys_one_current_data_key"):
            self.data_key(cmk, version=3, retired_at=None)

    def test_each_version_once(self, cmk):
        with pytest.raises(IntegrityError, match="keys_data_key_version_once"):
            self.data_key(cmk, version=1)

    def test_a_capability_key_has_an_environment_and_no_other_key_has(self, cmk):
        for wrong in ({"purpose": Purpose.CAPABILITY}, {"environment_id": new_id()}):
            with pytest.raises(IntegrityError, match="keys_capability_iff_environment"):
                self.data_key(cmk, **wrong)

    @pytest.mark.parametrize("wrapped", [b"", b"k" * 32, b"k" * 44])
    def test_nothing_as_short_as_a_plain_key_is_stored(self, cmk, wrapped):
        with pytest.raises(IntegrityError, match="keys_data_key_is_wrapped"):
            self.data_key(cmk, wrapped=wrapped)

    @pytest.mark.parametrize("wrong", [{"version": 0}, {"cmk_version": 0}])
    def test_versions_begin_with_one(self, cmk, wrong):
        with pytest.raises(IntegrityError, match="versions_from_one"):
            self.data_key(cmk, **wrong)

    def test_a_data_key_is_never_under_another_organizations_cmk(self, cmk):
        foreign = actions.provision_keys(actor=provisioner(new_id()))
        with pytest.raises(IntegrityError, match="keys_datakey_cmk_id_tenant"):
            self.data_key(cmk, cmk=foreign)

    def test_nothing_is_deleted(self, cmk, org):
        for table in ("keys_datakey", "keys_cmk"):
            with (
                pytest.raises(Exception, match="permission denied"),
                tenant(org),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"DELETE FROM {table}")
