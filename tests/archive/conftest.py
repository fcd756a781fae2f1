"""AWS's stand-ins, for who asks, and an organization whose archive is a folder of the test's own."""

from pathlib import Path

import pytest

from tests.aws.fixtures import ministack
from tests.factories import Place, make_place

__all__ = ["ministack"]


@pytest.fixture
def archived_place(transactional_db: None, settings, tmp_path: Path) -> Place:
    settings.ARCHIVE_DIR = tmp_path / "archive"
    return make_place()
