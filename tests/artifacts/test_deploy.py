"""Deploying: whole or not at all, each deployment never changed, switching at once."""

import pytest

from artifacts import selectors
from artifacts.models import Artifact, DeployedFile
from hq.db.context import tenant
from tests.artifacts.conftest import deploy, make_artifact
from tests.artifacts.tars import SITE
from tests.factories import Place

pytestmark = pytest.mark.django_db(transaction=True)


def contents(place: Place, artifact: Artifact) -> dict[str, bytes]:
    site = selectors.find_site(artifact.label)
    assert site is not None
    from artifacts.actions.serving import read_served

    with tenant(place.id):
        paths = list(DeployedFile.objects.filter(deployment_id=site.deployment_id).values_list("path", flat=True))
    found = selectors.find_served(site, paths)
    return {path: b"".join(read_served(site, file, 0, file.size)) for path, file in found.items()}


def test_it_shows_what_the_archive_held(place: Place):
    artifact = make_artifact(place)

    deployment = deploy(place, artifact)

    assert (deployment.number, deployment.files, deployment.size) == (1, len(SITE), sum(map(len, SITE.values())))
    assert contents(place, artifact) == SITE
