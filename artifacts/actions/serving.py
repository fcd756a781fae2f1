"""Reading what is published, for the edge."""

from uuid import UUID

from artifacts.models import Deployment
from artifacts.selectors import ServedFile, Site
from hq.db.context import tenant
from hq.lib.errors import NotFound
from hq.web.transfer import Closeable
from vault.actions.packages import read_package


def read_served(site: Site, file: ServedFile, start: int, stop: int) -> Closeable:
    """The file's bytes `[start:stop]`, each piece verified. Opens its own transactions.

    Raises NotFound once the deployment is gone; MissingBytes, ObjectDamaged, KeyUnavailable; Tampered as it goes on.
    """
    deployment_id = site.deployment_id
    if deployment_id is None:
        raise NotFound

    def bundle() -> UUID:
        with tenant(site.organization_id):
            rows = Deployment.objects.filter(organization_id=site.organization_id, pk=deployment_id)
            found = rows.values_list("blob_id", flat=True).first()
        if found is None:
            raise NotFound
        return found

    return read_package(site.organization_id, bundle, file.offset + start, file.offset + stop)
