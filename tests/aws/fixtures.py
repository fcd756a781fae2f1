"""AWS KMS for the tests that want it. A worker starts each emulator once, when the first test asks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.aws import servers
from tests.aws.faults import FaultServer, faulty
from tests.database import free_port
from tests.lib.loopback import Authority

__all__ = ["Aws", "faults", "kms", "ministack", "moto", "s3", "s3_user"]


@dataclass(frozen=True)
class Aws:
    """An emulator's address, and the access key that HQ uses there. `tls` is its address with TLS, trusted by `ca`."""

    address: str
    credentials: tuple[str, str]
    tls: str = ""
    ca: str = ""

    def client(
        self,
        service: str = "kms",
        credentials: tuple[str, str] = servers.ADMIN,
        address: str = "",
        region: str = servers.REGION,
    ):
        """A client of the administrator, for preparing what HQ then finds."""
        return servers.client(service, address or self.address, credentials, region)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory) -> Iterator[Aws]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.server_context("127.0.0.1", "localhost")
    port = free_port(servers.worker())
    with servers.ministack(authority.folder / "127.0.0.1-localhost1.pem", port) as address:
        yield Aws(address, servers.user(address), f"https://127.0.0.1:{port}", str(authority.path))


@pytest.fixture(scope="session")
def s3_user(ministack: Aws) -> tuple[str, str]:
    """Who may do what HQ's documented policies for S3 and KMS say, and nothing else."""
    return servers.user(ministack.address, "hq-s3", servers.S3_POLICY.read_text(), servers.POLICY.read_text())


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


@pytest.fixture
def s3(ministack: Aws, s3_user: tuple[str, str], monkeypatch, settings) -> Aws:
    """S3 over TLS, with HQ's settings leading there and HQ's credentials where boto3 looks for them."""
    servers.use(monkeypatch, s3_user)
    monkeypatch.setenv("AWS_CA_BUNDLE", ministack.ca)
    settings.REGION, settings.S3_ENDPOINT = servers.REGION, ministack.tls
    return replace(ministack, credentials=s3_user)
