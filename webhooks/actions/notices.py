"""Mail about an endpoint that takes nothing: before it is switched off, and when it is."""

from hq.authz.actor import system_actor
from keys.registry import Notice, tenancy
from tenants import selectors as tenants
from webhooks.models import Endpoint

WHY = {
    Endpoint.Reason.GONE: "Its receiver answered with 410, which asks for nothing more to be sent.",
    Endpoint.Reason.FAILING: "For three days nothing that was sent to it has arrived.",
}


def tell_failing(endpoint: Endpoint) -> None:
    """Owners and admins, once for each time of failing."""
    _tell(
        endpoint,
        f"The webhook {endpoint.name} takes nothing",
        f"HQ has been trying for hours to reach the webhook {endpoint.name}, and nothing has arrived since.",
        "It is tried for about three days in all. If nothing arrives until then, HQ switches the webhook off.",
    )


def tell_switched_off(endpoint: Endpoint, reason: Endpoint.Reason) -> None:
    _tell(
        endpoint,
        f"The webhook {endpoint.name} was switched off",
        f"HQ sends nothing more to the webhook {endpoint.name}. {WHY[reason]}",
        "Once it works again, switch it on and send again what did not arrive: HQ keeps it for 30 days.",
    )


def _tell(endpoint: Endpoint, subject: str, *sentences: str) -> None:
    actor = system_actor(endpoint.organization_id, environment_id=endpoint.environment_id)
    notice = Notice(
        subject=subject,
        sentences=sentences,
        path=f"webhooks/{endpoint.id}",
        environment=tenants.get_environment(actor).name,
    )
    tenancy().tell_keepers(endpoint.organization_id, notice)
