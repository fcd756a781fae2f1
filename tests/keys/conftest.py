"""An organization that has keys, and actors to ask with."""

import pytest

from hq.authz.actor import Actor, system_actor
from hq.authz.permissions import AuthMethod, Permission
from hq.lib.ids import new_id
from keys import rings


def provisioner(organization_id) -> Actor:
    return system_actor(organization_id, Permission.ORGANIZATION_PROVISION)


def reader(organization_id, environment_id=None) -> Actor:
    return Actor(
        organization_id=organization_id,
        environment_id=environment_id,
        kind="person",
        id=new_id(),
        label="Ada",
        method=AuthMethod.SESSION,
        permissions=frozenset({Permission.KEYS_READ}),
    )


@pytest.fixture(autouse=True)
def _no_rings_from_before():
    rings.forget()
    yield
    rings.forget()


@pytest.fixture
def org():
    return new_id()


@pytest.fixture
def environment_id():
    return new_id()
