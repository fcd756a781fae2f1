"""Links that open once, of each kind: how many are made, how one is tried, and what the database says of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from artifacts import actions as artifacts
from artifacts import selectors as sites
from artifacts.actions.door import LinkCannotBeOpened as NoSuchArtifactLink
from artifacts.models import ArtifactLink, ArtifactVisit
from artifacts.tasks import sweep
from hq.authz.actor import Origin
from hq.db.context import tenant
from hq.lib.errors import TooMany
from sharing.actions import create_share, redeem_share
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.models import ShareSession
from tests.factories import Place, run_jobs
from vault.actions import put_object

PATH = "claims/register.csv"


@dataclass(frozen=True, slots=True)
class Kind:
    """`make` gives tokens, `open` says whether one opened, `opened` counts and raises if one opened twice."""

    name: str
    tag: str
    make: Callable[[Place, int], list[str]]
    open: Callable[[str], bool]
    opened: Callable[[], int]
    settle: Callable[[], object] = lambda: None


def _somebody() -> Origin:
    """Each try comes from another address: how often one may try is measured elsewhere."""
    address = ".".join(str(random.randrange(1, 255)) for _ in range(4))  # noqa: S311 - not a secret
    return Origin(ip=address, user_agent="bench", request_id="req_bench")


def _shares(place: Place, count: int) -> list[str]:
    actor = place.actor()
    put_object(actor=actor, path=PATH, chunks=[b"claim,amount\n1,250\n"])
    tokens = []
    for _ in range(count):
        with tenant(place.id):
            made = create_share(actor=actor, paths=[PATH], permission="read", ttl_seconds=3600)
        tokens.append(made.token)
    return tokens


def _open_share(token: str) -> bool:
    try:
        redeem_share(token=token, origin=_somebody())
    except LinkCannotBeOpened:
        return False
    return True


def _opened_shares() -> int:
    sessions = ShareSession.objects.values("link_id").distinct().count()
    if sessions != ShareSession.objects.count():
        raise AssertionError("A link has two sessions.")
    return sessions


_site: list[sites.Site] = []  # of the artifact that the processes try to get into; they are forked after it is made


def _artifact_links(place: Place, count: int) -> list[str]:
    actor = place.actor()
    with tenant(place.id):
        artifact = artifacts.create_artifact(actor=actor, name="Bench", access=artifacts.Access("link"))
        made = [
            link.token
            for some in range(0, count, 50)
            for link in artifacts.create_links(
                actor=actor, artifact_id=artifact.id, recipients=[""] * min(50, count - some)
            )
        ]
    site = sites.find_site(artifact.label)
    if site is None:
        raise AssertionError("The artifact is not to be found.")
    _site[:] = [site]
    return made


def _open_artifact(token: str) -> bool:
    try:
        artifacts.open_link(site=_site[0], token=token, origin=_somebody())
    except (NoSuchArtifactLink, TooMany):
        return False
    return True


def _opened_artifacts() -> int:
    visits = ArtifactVisit.objects.filter(kind=ArtifactVisit.Kind.OPENED)
    if visits.count() != visits.values("link_id").distinct().count():
        raise AssertionError("A link let two in.")
    return ArtifactLink.objects.filter(opened_at__isnull=False).count()


def _tell_the_trail() -> None:
    """What was opened at the edge comes into the trail by a job."""
    sweep()
    run_jobs()


SHARES = Kind("share links", "share:opened", _shares, _open_share, _opened_shares)
ARTIFACTS = Kind(
    "artifact links", "artifact_link:opened", _artifact_links, _open_artifact, _opened_artifacts, _tell_the_trail
)
