"""A place whose agreements outsiders sign."""

import pytest

from tests.factories import Place, make_place


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()
