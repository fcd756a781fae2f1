from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.factories import Place, make_place
from tests.streams.support import LOOPBACK, Siem, collecting


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


@pytest.fixture
def siem(settings: Settings) -> Iterator[Siem]:
    settings.OUTBOUND_NETWORKS = LOOPBACK
    with collecting() as found:
        yield found
