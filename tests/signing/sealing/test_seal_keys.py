"""What is sealed with: one root for the deployment, one key for an organization, each renewed before it ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from hq.crypto import seals as certificates
from hq.db.context import tenant
from hq.lib.clock import now
from signing.actions import seals
from signing.models import SealKey, SealRoot
from tests.factories import make_place

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return make_place("Alder Peak")


def key_of(place):
    with tenant(place.id):
        return SealKey.objects.get(organization_id=place.id, retired_at=None)


def at(time):
    """The clock of sealing, so much later."""
    return patch.object(seals, "now", lambda: now() + time)


def test_starting_makes_a_root_that_anybody_can_fetch_and_starting_again_makes_none(place):
    call_command("ensure_platform_keys", verbosity=0)
    call_command("ensure_platform_keys", verbosity=0)
    (root,) = SealRoot.objects.all()
    answer = Client().get("/.well-known/hq-seal-root.pem")
    assert answer.content.decode() == root.certificate
    assert answer["Content-Type"] == "application/pem-certificate-chain"


def test_an_organization_has_one_key_that_the_root_vouches_for(place):
    made, again = seals.sealing_key(place.id), seals.sealing_key(place.id)
    assert made == again
    said = certificates.check_chain(made.key.certificate_pem, made.root_pem, now())
    assert (said.name, said.organization_id) == ("Alder Peak", str(place.id))
    assert key_of(place).expires_at == said.expires_at
    assert seals.sealing_key(make_place().id).key != made.key


@pytest.mark.parametrize(("days", "renewed"), [(31, False), (29, True)])
def test_a_key_is_replaced_a_month_before_it_ends_and_thrown_away(place, days, renewed):
    first = seals.sealing_key(place.id)
    left = certificates.read_seal(first.key.certificate_pem).expires_at - now()
    with at(left - timedelta(days=days)):
        assert (seals.sealing_key(place.id) != first) is renewed
    with tenant(place.id):
        former = SealKey.objects.order_by("id")[0]
        assert (former.key == "") is renewed
        assert SealKey.objects.count() == (2 if renewed else 1)


def test_a_root_is_replaced_while_keys_of_it_still_live_and_stays_to_be_fetched(place):
    first = seals.sealing_key(place.id)
    with at(timedelta(days=16 * 365 + 2)):
        root = seals.ensure_seal_root()
        assert seals.ensure_seal_root() == root
        second = seals.sealing_key(place.id)
    assert second.root_pem == root.certificate != first.root_pem
    assert seals.root_certificates() == root.certificate + first.root_pem
    assert SealRoot.objects.get(retired_at__isnull=False).key == ""


def test_a_key_of_a_root_that_was_replaced_before_its_time_seals_nothing_more(place):
    first = seals.sealing_key(place.id)
    root = SealRoot.objects.get(retired_at=None)
    root.retired_at, root.key = now(), ""
    root.save(update_fields=["retired_at", "key"])
    second = seals.sealing_key(place.id)
    assert second.key != first.key
    assert certificates.check_chain(second.key.certificate_pem, second.root_pem, now())


@pytest.mark.django_db(transaction=True)
def test_several_who_seal_at_once_are_given_the_same_key_and_root():
    place = make_place()
    SealRoot.objects.filter(retired_at=None).update(retired_at=now())

    def take(_):
        try:
            return seals.sealing_key(place.id)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(take, range(6)))) == 1
    assert SealRoot.objects.filter(retired_at=None).count() == 1
    with tenant(place.id):
        assert SealKey.objects.count() == 1
