"""How long records are kept: as HQ says, or as the organization does; enforced by the beat, stopped by a legal hold."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db import retention
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from retention import actions, selectors
from retention.models import Enforcement
from sharing import actions as sharing
from tests.factories import make_place
from tests.retention.support import age, work
from vault import actions as vault
from vault.actions import purge
from vault.models import Blob, ObjectVersion, StoredObject
from vault.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)
MONTH_AND_A_DAY = timedelta(days=31)


@pytest.fixture
def place():
    return make_place()


def store(place, *paths):
    for path in paths:
        vault.put_object(actor=place.actor(), path=path, chunks=[path.encode()])


def delete_long_ago(place, *paths):
    for path in paths:
        vault.delete_object(actor=place.actor(), path=path)
    with tenant(place.id):
        StoredObject.objects.filter(path__in=paths).update(deleted_at=now() - MONTH_AND_A_DAY)


def hold(place, *prefixes):
    with tenant(place.id):
        return actions.place_hold(actor=place.actor(), name="Case 7", reason="Court order", prefixes=prefixes)


def change(place, name, days, role=Role.OWNER):
    with tenant(place.id):
        return actions.change_period(actor=place.actor(role), name=name, days=days)


def work_tomorrow(place):
    with tenant(place.id):
        Enforcement.objects.update(at=now() - timedelta(days=2))
    work()


def paths_of(place):
    with tenant(place.id):
        return set(StoredObject.objects.values_list("path", flat=True))


def files_of(place):
    with tenant(place.id):
        return Blob.objects.count()


def test_deleted_files_go_with_rows_versions_and_bytes_when_their_retention_ends(place, settings):
    store(place, "a/old", "a/old", "a/young", "a/shown")
    delete_long_ago(place, "a/old")
    vault.delete_object(actor=place.actor(), path="a/young")
    work()
    assert paths_of(place) == {"a/young", "a/shown"}
    sweep()
    work()
    assert files_of(place) == 2
    objects = settings.DATA_DIR / "objects"
    assert len([file for file in objects.rglob("*") if file.is_file() and place.slug in str(file)]) == 2
    with tenant(place.id):
        row = Enforcement.objects.get(name="vault.deleted")
        assert (row.removed, row.running) == (1, 0)
        event = AuditEvent.objects.get(tag="retention:enforced")
        assert event.detail["after"] == {"class": "vault.deleted", "rows": 1}


def test_an_organization_keeps_them_as_long_as_it_says(place):
    store(place, "a/old")
    delete_long_ago(place, "a/old")
    change(place, "vault.deleted", 90)
    work()
    assert paths_of(place) == {"a/old"}
    change(place, "vault.deleted", 1)
    work_tomorrow(place)
    assert paths_of(place) == set()


def test_old_versions_are_kept_for_good_until_the_organization_says_otherwise(place):
    store(place, "a/file", "a/file", "a/file")
    age("vault_objectversion", place.id, created_at=now() - MONTH_AND_A_DAY)
    work()
    with tenant(place.id):
        assert ObjectVersion.objects.count() == 3
    change(place, "vault.versions", 30)
    work_tomorrow(place)
    with tenant(place.id):
        assert list(ObjectVersion.objects.values_list("number", flat=True)) == [3]
    assert b"".join(vault.open_object(actor=place.actor(), path="a/file").read()) == b"a/file"


def test_a_version_that_was_replaced_lately_stays_however_old_it_is(place):
    store(place, "a/file")
    age("vault_objectversion", place.id, created_at=now() - MONTH_AND_A_DAY)
    store(place, "a/file")
    change(place, "vault.versions", 30)
    work()
    with tenant(place.id):
        assert ObjectVersion.objects.count() == 2


def test_a_hold_on_paths_keeps_what_lies_below_them_until_it_is_lifted(place):
    store(place, "case/a", "other/b")
    delete_long_ago(place, "case/a", "other/b")
    held = hold(place, "case/")
    work()
    assert paths_of(place) == {"case/a"}
    with tenant(place.id):
        actions.lift_hold(actor=place.actor(), hold_id=held.id, reason="Settled")
    work_tomorrow(place)
    assert paths_of(place) == set()
    with tenant(place.id):
        tags = AuditEvent.objects.filter(tag__startswith="hold:").order_by("index").values_list("tag", flat=True)
        assert list(tags) == ["hold:placed", "hold:lifted"]


def test_the_database_refuses_what_a_hold_covers_and_what_is_shown(place):
    store(place, "case/a", "case/b")
    delete_long_ago(place, "case/a")
    hold(place, "case/")
    for path in ("case/a", "case/b"):
        with pytest.raises(DatabaseError, match="shown, or held"), tenant(place.id), connection.cursor() as cursor:
            cursor.execute("DELETE FROM vault_storedobject WHERE path = %s", [path])
    with pytest.raises(DatabaseError, match="shown, or held"), tenant(place.id):
        purge._delete("vault_objectversion", place.id, set(ObjectVersion.objects.values_list("id", flat=True)))


def test_a_hold_on_the_whole_or_on_any_path_keeps_histories(place):
    store(place, "case/a")
    with tenant(place.id):
        made = sharing.create_share(actor=place.actor(), paths=["case/a"], ttl_seconds=60)
    past = now() - MONTH_AND_A_DAY
    age("sharing_sharelink", place.id, expires_at=past, created_at=past - timedelta(minutes=1))
    hold(place, "elsewhere/")
    work()
    with tenant(place.id):
        assert retention.cutoff(place.id, "sharing.links") is None
        assert retention.record_class("sharing.links").count(place.id, now(), ()) == 1, made
        assert Enforcement.objects.get(name="sharing.links").removed == 0


def test_people_may_go_on_deleting_and_restoring_below_a_hold(place):
    store(place, "case/a")
    hold(place)
    vault.delete_object(actor=place.actor(), path="case/a")
    assert vault.restore_object(actor=place.actor(), path="case/a").number == 1


@pytest.mark.parametrize(
    ("name", "days", "refusal"),
    [
        ("vault.deleted", 0, actions.OutOfBounds),
        ("vault.deleted", 4000, actions.OutOfBounds),
        ("vault.deleted", None, actions.OutOfBounds),
        ("webhooks.messages", 3, actions.OutOfBounds),
    ],
)
def test_a_period_stays_within_its_bounds(place, name, days, refusal):
    with pytest.raises(refusal):
        change(place, name, days)


def test_only_owners_and_admins_change_periods_and_holds(place):
    change(place, "vault.deleted", 10, Role.ADMIN)
    with pytest.raises(Denied):
        change(place, "vault.deleted", 10, Role.DEVELOPER)
    with pytest.raises(Denied), tenant(place.id):
        actions.place_hold(actor=place.actor(Role.DEVELOPER), name="n", reason="r")


def test_a_hold_is_lifted_once_and_takes_only_paths(place):
    held = hold(place, "a/", "a/", "b/file")
    assert held.prefixes == ["a/", "b/file"]
    with tenant(place.id):
        actions.lift_hold(actor=place.actor(), hold_id=held.id, reason="Settled")
    with pytest.raises(actions.Lifted), tenant(place.id):
        actions.lift_hold(actor=place.actor(), hold_id=held.id, reason="Again")
    with pytest.raises(actions.NotAPath):
        hold(place, "../x")


def test_the_page_counts_what_is_past(place):
    store(place, "a/old")
    delete_long_ago(place, "a/old")
    with tenant(place.id):
        lines = {line.record.name: line for line in selectors.list_classes(place.actor())}
    assert (lines["vault.deleted"].past, lines["vault.deleted"].days) == (1, 30)
    assert lines["vault.versions"].days is None


def test_a_restore_that_is_under_way_is_left_alone(place):
    """Whoever restores holds the row of the object; the purge does not wait, and takes it another time."""
    store(place, "a/old")
    delete_long_ago(place, "a/old")
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM vault_storedobject FOR NO KEY UPDATE")
        assert _purged_elsewhere(place) == 0
    assert _purged_elsewhere(place) == 1


def _purged_elsewhere(place):
    from concurrent.futures import ThreadPoolExecutor

    def purged():
        try:
            with tenant(place.id):
                return purge.purge_deleted(place.id, now() - timedelta(days=30))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(purged).result(timeout=20)
