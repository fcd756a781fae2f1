from collections.abc import Iterator

import pytest

from hq.db.context import tenant
from tests.factories import Place, make_place
from tests.idp.fixtures import other_provider, provider
from tests.idp.github import GitHub
from tests.idp.oidc import Provider
from tests.tenants.oauth_support import forget, hub, offer, openid

__all__ = ["other_provider", "provider"]


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def inside(place: Place) -> Iterator[Place]:
    """The same, with its rows in sight."""
    with tenant(place.id):
        yield place


@pytest.fixture
def acme(provider: Provider, settings) -> Provider:
    """The one provider of the deployment, under the name acme."""
    offer(settings, acme=openid(provider))
    forget(provider)
    return provider


@pytest.fixture
def github(settings) -> Iterator[GitHub]:
    """The same with GitHub."""
    with GitHub.running() as running:
        offer(settings, github=hub(running))
        yield running
