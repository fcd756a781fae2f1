"""Deploying: whole or not at all, each deployment never changed, switching at once."""

from collections.abc import Iterator

import pytest

from artifacts import actions, selectors
from artifacts.actions.artifacts import AlreadyShown, StillShown
from artifacts.actions.deploying import NothingToDeploy
from artifacts.actions.serving import read_served
from artifacts.actions.tar import NotAnArchive, RefusedMember
from artifacts.models import Artifact, ArtifactVisit, DeployedFile, Deployment
from audit import selectors as trail
from audit.selectors import Filters
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound, Problem
from tests.artifacts.conftest import deploy, make_artifact
from tests.artifacts.tars import SITE, entry, in_pieces, packed, tar
from tests.factories import Place, make_api_key, make_place, run_jobs
from tests.keys.support import rotate
from tests.vault.http import Api, assert_refused
from tests.vault.support import files
from vault import actions as vault
from vault.models import Blob


def contents(artifact: Artifact) -> dict[str, bytes]:
    """What its address shows."""
    site = selectors.find_site(artifact.label)
    assert site is not None
    assert site.deployment_id is not None
    with tenant(site.organization_id):
        paths = list(DeployedFile.objects.filter(deployment_id=site.deployment_id).values_list("path", flat=True))
    found = selectors.find_served(site, paths)
    return {path: b"".join(read_served(site, file, 0, file.size)) for path, file in found.items()}


def nothing_is_left(place: Place) -> bool:
    with tenant(place.id):
        return not Deployment.objects.exists() and not Blob.objects.exists() and files(place) == []


def tags(place: Place) -> list[str]:
    """Of artifacts, oldest first."""
    with tenant(place.id):
        events = trail.list_events(place.actor(), Filters(), before=None, limit=50)
    return [event.tag for event in reversed(events) if event.tag.startswith("artifact")]


def test_it_shows_what_the_archive_held(place: Place):
    artifact = make_artifact(place)

    deployment = deploy(place, artifact)

    assert (deployment.number, deployment.files, deployment.size) == (1, len(SITE), sum(map(len, SITE.values())))
    assert contents(artifact) == SITE
    assert tags(place) == ["artifact:created", "artifact:deployed"]


@pytest.mark.parametrize(
    ("archive", "refusal"),
    [
        (packed([entry("index.html", b"x" * 70_000), entry("../x", b"x")]), RefusedMember),
        (tar(SITE)[:-9_000], NotAnArchive),
        (tar({}), NothingToDeploy),
    ],
)
def test_what_is_refused_late_leaves_nothing(place: Place, archive: bytes, refusal: type[Problem]):
    artifact = make_artifact(place)

    with pytest.raises(refusal):
        actions.deploy_archive(actor=place.actor(), artifact_id=artifact.id, chunks=in_pieces(archive))

    assert nothing_is_left(place)
    assert tags(place) == ["artifact:created"]


def test_a_sender_who_leaves_leaves_nothing(place: Place):
    artifact = make_artifact(place)

    def broken() -> Iterator[bytes]:
        yield tar(SITE)[:2000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        actions.deploy_archive(actor=place.actor(), artifact_id=artifact.id, chunks=broken())
    assert nothing_is_left(place)


def test_it_goes_back_and_forth_and_says_what_changed(place: Place):
    artifact, actor = make_artifact(place), place.actor()
    deploy(place, artifact, {"a": b"1", "b": b"2", "c": b"3"})
    second = deploy(place, artifact, {"a": b"1", "b": b"X", "d": b"4"})

    with tenant(place.id):
        found = selectors.compare(actor, second)
        assert [(one.path, one.kind) for one in found.listed] == [("b", "changed"), ("c", "removed"), ("d", "added")]
        actions.show_deployment(actor=actor, artifact_id=artifact.id, number=1)
        with pytest.raises(AlreadyShown):
            actions.show_deployment(actor=actor, artifact_id=artifact.id, number=1)
        with pytest.raises(NotFound):
            actions.show_deployment(actor=actor, artifact_id=artifact.id, number=9)
    assert contents(artifact) == {"a": b"1", "b": b"2", "c": b"3"}
    assert deploy(place, artifact).number == 3
    assert tags(place)[-2:] == ["artifact:rolled_back", "artifact:deployed"]


def test_a_removed_deployment_is_gone_with_its_bytes_and_its_number(place: Place):
    artifact, actor = make_artifact(place), place.actor()
    deploy(place, artifact)
    deploy(place, artifact, {"a": b"1"})
    with tenant(place.id):
        with pytest.raises(StillShown):
            actions.remove_deployment(actor=actor, artifact_id=artifact.id, number=2)
        actions.remove_deployment(actor=actor, artifact_id=artifact.id, number=1)
        assert list(Blob.objects.filter(state="STORED")) == [Deployment.objects.get().blob]
    assert contents(artifact) == {"a": b"1"}
    assert deploy(place, artifact).number == 3


def test_a_removed_artifact_leaves_nothing_but_the_trail(place: Place):
    artifact, actor = make_artifact(place, "link"), place.actor()
    deploy(place, artifact)
    with tenant(place.id):
        actions.create_links(actor=actor, artifact_id=artifact.id)
        ArtifactVisit.objects.create(
            organization_id=place.id, artifact=artifact, kind="refused", reason="x", user_agent="x"
        )
        actions.remove_artifact(actor=actor, artifact_id=artifact.id)
        assert not Blob.objects.filter(state="STORED").exists()
        assert not DeployedFile.objects.exists()
        assert not ArtifactVisit.objects.exists()
    assert selectors.find_site(artifact.label) is None
    assert tags(place)[-1] == "artifact:removed"


def test_it_publishes_a_folder_of_files_as_they_are_now(place: Place):
    for path, content in {"site/index.html": b"1", "site/a/b.css": b"2", "sitemap": b"3"}.items():
        vault.put_object(actor=place.actor(), path=path, chunks=[content])
    artifact = make_artifact(place)

    actions.deploy_folder(actor=place.actor(), artifact_id=artifact.id, folder="site")
    vault.put_object(actor=place.actor(), path="site/index.html", chunks=[b"later"])

    assert contents(artifact) == {"index.html": b"1", "a/b.css": b"2"}
    with pytest.raises(NothingToDeploy):
        actions.deploy_folder(actor=place.actor(), artifact_id=artifact.id, folder="nothing/")


@pytest.mark.django_db(transaction=True)
def test_a_rotation_takes_it_along(transactional_db: None):
    place = make_place()
    artifact = make_artifact(place)
    before = deploy(place, artifact).blob_id

    rotate(place)
    run_jobs()

    with tenant(place.id):
        now = Deployment.objects.get()
        assert now.blob_id != before
        assert now.blob.key_version == 2
    assert contents(artifact) == SITE


def test_another_organization_reaches_nothing_of_it(place: Place):
    artifact, stranger = make_artifact(place), make_place()
    with pytest.raises(NotFound):
        deploy(stranger, artifact)
    with tenant(stranger.id), pytest.raises(NotFound):
        actions.remove_artifact(actor=stranger.actor(), artifact_id=artifact.id)


def test_who_may_not_share_deploys_nothing(place: Place):
    artifact = make_artifact(place)
    with pytest.raises(Denied):
        actions.deploy_archive(actor=place.actor(Role.ANALYST), artifact_id=artifact.id, chunks=in_pieces(tar(SITE)))


@pytest.mark.django_db(transaction=True)
def test_v1_takes_a_tar_as_it_is_and_says_why_not(transactional_db: None):
    place = make_place()
    artifact, api = make_artifact(place), Api(place, make_api_key(place))
    where = f"artifacts/{artifact.id}/deployments"

    # What curl says of a body unless it is told otherwise.
    made = api("POST", where, tar(SITE, mode="w:gz"), "application/x-www-form-urlencoded")
    assert (made.status_code, made.json()["number"], made.json()["files"]) == (201, 1, len(SITE))
    assert_refused(api("POST", where, tar(SITE), "text/html"), 415, "not-an-archive-type")
    assert_refused(api("POST", where, tar(SITE), x_content_sha256="0" * 64), 400, "wrong-digest")
    hostile = packed([entry("a", type=b"2", linkname="/etc/passwd")])
    refused = api("POST", where, hostile, "application/x-tar")
    assert_refused(refused, 400, "refused-member")
    assert refused.json()["detail"] == "'a' is a symbolic link; only plain files are published. Nothing was kept."
    assert contents(artifact) == SITE
