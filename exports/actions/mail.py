"""Mail that an export is ready. It says so and nothing else: what opens the page is signing in."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from exports.models import Export
from keys.registry import Notice, tenancy
from tenants import selectors as tenants


def tell_ready(export: Export) -> None:
    """To who asked for it, once the transaction commits, if they still belong here."""
    person = get_user_model().objects.filter(pk=export.requested_by_id, is_active=True).first()
    places = tenants.list_belongings(export.requested_by_id)
    place = next((each for each in places if each.organization_id == export.organization_id), None)
    if person is None or place is None:
        return
    page = "export" if export.is_whole else "your-data"
    context = {"export": export, "organization": place.name, "url": f"{settings.BASE_URL}/o/{place.slug}/live/{page}/"}
    body = render_to_string("exports/mail/ready.txt", context)
    subject = f"HQ: Your export is ready ({place.name})"
    transaction.on_commit(EmailMessage(subject, body, to=[person.email]).send, robust=True)


def tell_asked(export: Export, name: str) -> None:
    """To everybody who looks after the organization: somebody takes all of it along."""
    notice = Notice(
        subject="An export of everything was asked for",
        sentences=(
            f"{name} asked for an export of the whole organization.",
            "If that is not right, an owner can remove it on the page of exports before it is downloaded.",
        ),
        path="export/",
    )
    tenancy().tell_keepers(export.organization_id, notice)
