"""A tenant whose bucket is in S3: stored, read, restored, sealed anew, moved, and nothing left of what was killed."""

import os
import pickle
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound
from keys import actions as keys
from keys.models import Cmk, Rotation
from keys.providers.kms import KmsProvider
from tests.aws.fixtures import Aws, kms, ministack, s3, s3_user
from tests.factories import Place, make_place, run_jobs
from tests.vault.crasher import PIECES
from tests.vault.support import get, new_content_key, reseal
from vault import actions, tasks
from vault.models import Blob, Bucket
from vault.store import store_for

__all__ = ["kms", "ministack", "s3", "s3_user"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(transactional_db: None, kms: Aws, s3: Aws, settings: Any) -> Place:
    settings.STORE, settings.KEY_PROVIDER = "s3", "kms"
    return make_place()


@pytest.fixture
def admin(s3: Aws) -> Any:
    return s3.client("s3")


def bucket_of(place: Place) -> str:
    with tenant(place.id):
        bucket = Bucket.objects.get()
    assert bucket.store == "s3"
    return bucket.name


def cmk_of(place: Place) -> str:
    with tenant(place.id):
        return Cmk.objects.get(organization_id=place.id, retired_at=None).ref


def assert_s3_holds_what_the_rows_say(place: Place) -> None:
    store, bucket = store_for("s3"), bucket_of(place)
    with tenant(place.id):
        assert {blob.state for blob in Blob.objects.all()} <= {"STORED"}
        rows = {blob.key: blob.sealed_size for blob in Blob.objects.all()}
    assert sorted(store.keys_of(bucket)) == sorted(rows)
    assert {key: store.sealed_size(bucket, key) for key in rows} == rows
    assert store.unfinished(bucket) == []


def test_an_object_is_stored_read_replaced_restored_and_sealed_anew(place: Place, admin: Any) -> None:
    actor, content = place.actor(), os.urandom(300_000)
    actions.put_object(actor=actor, path="claims/a", chunks=[content])
    actions.put_object(actor=actor, path="claims/a", chunks=[b"other"])
    assert get(actor, "claims/a") == b"other"
    assert get(actor, "claims/a", version=1, start=70_000, stop=70_100) == content[70_000:70_100]
    actions.delete_object(actor=actor, path="claims/a")
    with pytest.raises(NotFound):
        get(actor, "claims/a")
    actions.restore_object(actor=actor, path="claims/a", version=1)
    assert get(actor, "claims/a") == content
    before = set(store_for("s3").keys_of(bucket_of(place)))
    assert reseal(place, new_content_key(place)).resealed == 2
    assert before.isdisjoint(store_for("s3").keys_of(bucket_of(place)))
    assert get(actor, "claims/a") == content
    assert_s3_holds_what_the_rows_say(place)
    found = admin.list_object_versions(Bucket=bucket_of(place))
    for each in found["Versions"]:
        body = admin.get_object(Bucket=bucket_of(place), Key=each["Key"])
        assert body["SSEKMSKeyId"] == cmk_of(place)
        assert content[:64] not in body["Body"].read()


@pytest.mark.parametrize(
    "step", ["2 row is there", "3 file is begun", "4 in the middle", "8 blob is stored", "9 before the commit"]
)
def test_a_worker_killed_while_storing_leaves_nothing_once_the_reaper_has_run(place: Place, step: str) -> None:
    actions.put_object(actor=place.actor(), path="claims/a", chunks=[b"former"])
    crash(place, step)
    assert get(place.actor(), "claims/a") == b"former"
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    tasks.sweep()
    run_jobs()
    assert_s3_holds_what_the_rows_say(place)
    with tenant(place.id):
        assert Blob.objects.count() == 1
    actions.put_object(actor=place.actor(), path="claims/a", chunks=PIECES)
    assert get(place.actor(), "claims/a") == b"".join(PIECES)


def crash(place: Place, step: str) -> None:
    database = connection.settings_dict
    done = subprocess.run(
        [sys.executable, "-m", "tests.vault.crasher", step, "claims/a"],
        cwd=ROOT,
        input=pickle.dumps(place.actor()),
        env=os.environ
        | {
            "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
            "HQ_DATA_DIR": str(django_settings.DATA_DIR),
            "HQ_STORE": "s3",
            "HQ_KEY_PROVIDER": "kms",
            "HQ_REGION": django_settings.REGION,
            "HQ_S3_ENDPOINT": django_settings.S3_ENDPOINT,
            "HQ_KMS_REGION": django_settings.KMS_REGION,
            "HQ_KMS_ENDPOINT": django_settings.KMS_ENDPOINT,
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


# ---- a key that moves


@pytest.fixture
def own_key(place: Place) -> str:
    """A CMK of the organization's own."""
    return KmsProvider.from_settings().create_key({"hq:organization": str(place.id)})


def default_key(admin: Any, place: Place) -> str:
    (rule,) = admin.get_bucket_encryption(Bucket=bucket_of(place))["ServerSideEncryptionConfiguration"]["Rules"]
    key: str = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    return key


def move(place: Place, own_key: str) -> Rotation:
    return keys.bring_key(actor=place.actor(), ref=own_key)


def test_a_bucket_follows_the_key_that_an_organization_brings(place: Place, own_key: str, admin: Any) -> None:
    actions.put_object(actor=place.actor(), path="claims/a", chunks=[b"content"])
    assert default_key(admin, place) == cmk_of(place) != own_key
    move(place, own_key)
    run_jobs()
    assert cmk_of(place) == default_key(admin, place) == own_key
    (key,) = store_for("s3").keys_of(bucket_of(place))
    name = key.rpartition("/")[2]
    found = admin.head_object(Bucket=bucket_of(place), Key=f"objects/{name[-2:]}/{name}")
    assert found["SSEKMSKeyId"] == own_key
    assert get(place.actor(), "claims/a") == b"content"


def test_a_bucket_follows_before_the_data_keys_and_comes_back_from_a_move_that_is_given_up(
    place: Place, own_key: str, admin: Any
) -> None:
    former = cmk_of(place)
    rotation = move(place, own_key)
    KmsProvider.from_settings().disable_key(own_key)
    run_jobs()
    assert (cmk_of(place), default_key(admin, place)) == (former, own_key)
    with tenant(place.id):
        keys.abandon_rotation(actor=place.actor(), rotation_id=rotation.id)
    run_jobs()
    assert default_key(admin, place) == former
