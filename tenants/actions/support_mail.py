"""Mail about support access: who has to decide, and what was decided."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from hq.authz.permissions import Permission
from hq.authz.roles import GRANTS
from tenants.models import LIVE, AccessRequest, Membership, Organization, Policy, User

DECIDERS = [role.value for role, granted in GRANTS.items() if Permission.SUPPORT_DECIDE in granted]


def tell_deciders(request: AccessRequest, organization: Organization) -> None:
    """Mail each person who may answer, an address at a time. In the organization's context."""
    if organization.support_by == Policy.Support.OPERATORS:
        people = User.objects.filter(is_operator=True, is_active=True).exclude(pk=request.operator_id)
        address = f"{settings.BASE_URL}/operator/access/{request.id}"
    else:
        members = Membership.objects.filter(organization_id=organization.id, role__in=DECIDERS)
        people = User.objects.filter(is_active=True, pk__in=members.values("user_id")).exclude(pk=request.operator_id)
        address = f"{settings.BASE_URL}/o/{organization.slug}/{LIVE}/support/"
    context = {"asked": request, "organization": organization.name, "url": address}
    body = render_to_string("tenants/mail/support_asked.txt", context)
    for email in people.values_list("email", flat=True):
        _send(f"HQ: Support access to {organization.name}", body, email)


def tell_operator(request: AccessRequest) -> None:
    """Mail the answer to who asked."""
    organization = Organization.objects.get(pk=request.organization_id)
    context = {
        "asked": request,
        "organization": organization.name,
        "url": f"{settings.BASE_URL}/operator/access/{request.id}",
    }
    body = render_to_string("tenants/mail/support_answered.txt", context)
    _send(f"HQ: Support access to {organization.name}", body, User.objects.get(pk=request.operator_id).email)


def _send(subject: str, body: str, email: str) -> None:
    transaction.on_commit(EmailMessage(subject, body, to=[email]).send, robust=True)
