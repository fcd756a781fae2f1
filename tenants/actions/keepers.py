"""Who looks after an organization's keys, for the room of keys, which stands below and knows no people."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from hq.authz.permissions import Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from keys.registry import Notice
from tenants.models import Membership, Organization, User

KEEPERS = [role.value for role, granted in GRANTS.items() if Permission.KEYS_APPROVE_DESTRUCTION in granted]


class Keepers:
    """The people who may rotate keys and agree to their destruction: owners and admins. The deployment's: operators."""

    def name_of(self, organization_id: UUID) -> str:
        if organization_id == PLATFORM_ID:
            return "This HQ"
        with tenant(organization_id):
            return Organization.objects.get(pk=organization_id).name

    def keeper_since(self, organization_id: UUID, person_id: UUID, permission: Permission) -> datetime | None:
        with tenant(organization_id):
            rows = Membership.objects.filter(organization_id=organization_id, user_id=person_id, user__is_active=True)
            membership = rows.first()
        if membership is None or permission not in GRANTS[Role(membership.role)]:
            return None
        joined_at: datetime = membership.joined_at
        return joined_at

    def tell_keepers(self, organization_id: UUID, notice: Notice) -> None:
        """Mail each of them, an address at a time: who else has a part in it is nobody's business."""
        with tenant(organization_id):
            if organization_id == PLATFORM_ID:
                name, address = self.name_of(organization_id), settings.BASE_URL
                people = User.objects.filter(is_operator=True, is_active=True)
            else:
                organization = Organization.objects.get(pk=organization_id)
                place = f"{settings.BASE_URL}/o/{organization.slug}/{notice.environment}"
                name, address = organization.name, f"{place}/{notice.path}"
                keepers = Membership.objects.filter(organization_id=organization_id, role__in=KEEPERS)
                people = User.objects.filter(is_active=True, id__in=keepers.values("user_id"))
            addresses = list(people.values_list("email", flat=True))
        body = render_to_string("tenants/mail/notice.txt", {"organization": name, "notice": notice, "url": address})
        for email in addresses:
            message = EmailMessage(f"HQ: {notice.subject} ({name})", body, to=[email])
            if notice.file:
                message.attach(*notice.file, "application/json")
            transaction.on_commit(message.send, robust=True)
