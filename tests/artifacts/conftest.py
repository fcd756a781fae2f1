"""Artifacts and what is needed around them."""

from collections.abc import Iterator

import pytest

from artifacts import actions
from artifacts.actions import Access
from artifacts.models import Artifact, Deployment
from edge.published import MEMORY, SITES
from hq.db.context import tenant
from tests.artifacts.tars import SITE, in_pieces, tar
from tests.factories import Place, make_place

PASSWORD = "correct horse battery"


def make_artifact(place: Place, access: str = "open") -> Artifact:
    password = PASSWORD if access == "password" else None
    with tenant(place.id):
        return actions.create_artifact(actor=place.actor(), name="Q3 report", access=Access(access, password))


def deploy(place: Place, artifact: Artifact, files: dict[str, bytes] | None = None) -> Deployment:
    """The site unless other files are named."""
    chunks = in_pieces(tar(SITE if files is None else files))
    return actions.deploy_archive(actor=place.actor(), artifact_id=artifact.id, chunks=chunks)


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


@pytest.fixture(autouse=True)
def _edge_remembers_nothing() -> Iterator[None]:
    yield
    SITES.forget()
    MEMORY.forget()
