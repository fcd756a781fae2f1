"""The body of a request that deploys, whichever door it comes by."""

from uuid import UUID

from django.http import HttpRequest

from artifacts.actions.deploying import deploy_archive
from artifacts.models import Deployment
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.web import transfer
from hq.web.request import may_still

ARCHIVES = frozenset(
    {
        transfer.OCTETS,
        "application/gzip",
        "application/x-compressed-tar",
        "application/x-gtar",
        "application/x-gzip",
        "application/x-tar",
        "application/x-tgz",
    }
)


class NotAnArchiveType(transfer.UnsupportedBody):
    """Send the tar itself as the body, gzipped or not: application/x-tar or application/gzip."""


def deploy_request(request: HttpRequest, actor: Actor, artifact_id: UUID) -> Deployment:
    """Deploy the request's raw body. Raises what `deploy_archive` does, and NotAnArchiveType."""
    body = transfer.body(request, may_still(request, Permission.SHARES_CREATE, ""))
    if body.content_type.partition(";")[0].strip().lower() not in ARCHIVES:
        raise NotAnArchiveType
    return deploy_archive(actor=actor, artifact_id=artifact_id, chunks=body.chunks, expected_sha256=body.sha256)
