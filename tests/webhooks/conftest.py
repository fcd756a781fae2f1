from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.factories import Place, make_place
from tests.idp.browsing import LOOPBACK
from tests.webhooks.support import Receiver, receiving


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.OUTBOUND_NETWORKS = LOOPBACK
    with receiving() as found:
        yield found
