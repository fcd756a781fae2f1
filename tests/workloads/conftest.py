import pytest

from tests.idp.browsing import LOOPBACK
from tests.idp.fixtures import honest_provider, other_provider, provider
from tests.valkeys import own_valkey

__all__ = ["honest_provider", "other_provider", "own_valkey", "provider"]


@pytest.fixture
def loopback(settings, monkeypatch):
    settings.OUTBOUND_NETWORKS = LOOPBACK
    monkeypatch.setattr("hq.web.outbound.SECONDS", 2.0)
