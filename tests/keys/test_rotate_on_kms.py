"""Rotating a CMK that HQ keeps in AWS KMS. moto knows rotation on demand; how long AWS takes for it, it does not."""

import pytest

from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys import actions, selectors
from keys.models import Cmk, Rotation
from keys.providers.kms import KmsProvider
from tests.aws import servers
from tests.aws.fixtures import moto
from tests.factories import make_place, run_jobs
from tests.keys.support import rotate, settle

__all__ = ["moto"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(moto, monkeypatch, settings):
    servers.use(monkeypatch, moto.credentials)
    settings.KMS_REGION, settings.KMS_ENDPOINT, settings.KEY_PROVIDER = servers.REGION, moto.address, "kms"
    return make_place()


def test_aws_makes_the_version_and_everything_ends_under_it(place, moto):
    rotation = rotate(place)
    assert (rotation.state, rotation.to_version, rotation.cmk.provider) == ("DONE", 2, "kms")
    rotations = moto.client().list_key_rotations(KeyId=rotation.cmk.ref)["Rotations"]
    assert [each["RotationType"] for each in rotations] == ["ON_DEMAND"]
    assert selectors.content_key(place.id).version == 2


def test_nothing_is_wrapped_before_aws_has_made_the_version(place, monkeypatch):
    with tenant(place.id):
        actions.rotate_key(actor=place.actor(), key_id=Cmk.objects.get().id)
    with monkeypatch.context() as patch:
        patch.setattr(KmsProvider, "is_rotating", lambda self, ref: True)
        run_jobs()
    with tenant(place.id):
        rotation = Rotation.objects.get()
        assert (rotation.state, rotation.turned_at is not None) == ("REQUESTED", True)
        assert Job.objects.get(kind="keys.reencrypt").run_at > now()
    assert selectors.content_key(place.id).version == 1
    assert settle(place.id).state == "DONE"
