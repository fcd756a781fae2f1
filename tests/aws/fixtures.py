"""AWS KMS for the tests that want it. A worker starts each emulator once, when the first test asks."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.aws import servers
from tests.aws.faults import FaultServer, faulty

__all__ = ["Aws", "faults", "kms", "ministack", "moto"]


@dataclass(frozen=True)
class Aws:
    """An emulator's address, and the access key that HQ uses there."""

    address: str
    credentials: tuple[str, str]

    def client(self, service: str = "kms", credentials: tuple[str, str] = servers.ADMIN):
        """A client of the administrator, for preparing what HQ then finds."""
        return servers.client(service, self.address, credentials)


@pytest.fixture(scope="session")
def ministack() -> Iterator[Aws]:
    with servers.ministack() as address:
        yield Aws(address, servers.user(address))


@pytest.fixture(scope="session")
def moto() -> Iterator[Aws]:
    with servers.moto() as address:
        yield Aws(address, servers.ADMIN)


@pytest.fixture
def faults(monkeypatch) -> Iterator[FaultServer]:
    """A server that fails as told, and credentials that boto3 finds."""
    servers.use(monkeypatch, servers.ADMIN)
    with faulty() as server:
        yield server


@pytest.fixture
def kms(ministack: Aws, monkeypatch, settings) -> Aws:
    """ministack, with HQ's settings leading there and HQ's credentials where boto3 looks for them."""
    servers.use(monkeypatch, ministack.credentials)
    settings.KMS_REGION, settings.KMS_ENDPOINT = servers.REGION, ministack.address
    return ministack
