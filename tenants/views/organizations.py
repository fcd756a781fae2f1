"""Coming in: which organization, a new one, and how far its provisioning is."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hq.crypto import secrets
from hq.web.portal import person_of
from hq.web.request import TenantRequest, origin
from jobs import selectors as jobs
from tenants import actions, provisioning, selectors
from tenants.actions.organizations import AlreadyMade, OrganizationNameTaken
from tenants.forms import OrganizationForm
from tenants.models import Organization


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the only organization; else to choose one, or make the first."""
    belongings = selectors.list_belongings(person_of(request).pk)
    if len(belongings) == 1:
        return redirect("organization", org_slug=belongings[0].slug)
    return redirect("organizations" if belongings else "new_organization")


@login_required
def organizations(request: HttpRequest) -> HttpResponse:
    return render(
        request, "tenants/organizations.html", {"belongings": selectors.list_belongings(person_of(request).pk)}
    )


@login_required
def new_organization(request: HttpRequest) -> HttpResponse:
    """Anyone signed in may make one; it is theirs."""
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            organization = actions.create_organization(
                person=person_of(request),
                name=data["name"],
                region=settings.REGION,
                origin=origin(request),
                organization_id=data["once"],
            )
        except OrganizationNameTaken as taken:
            form.add_error("name", str(taken))
        except AlreadyMade:
            return redirect("home")
        else:
            return redirect("organization", org_slug=organization.slug)
    return render(
        request,
        "tenants/new_organization.html",
        {"form": form, "region": settings.REGION},
        status=400 if form.errors else 200,
    )


def organization(request: TenantRequest, org_slug: str) -> HttpResponse:
    """The overview once the organization is ready; until then, each step of its provisioning."""
    current = selectors.get_organization(request.actor)
    if current.state != Organization.State.PROVISIONING:
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=204)
            response["HX-Redirect"] = f"/o/{org_slug}/live/"
            return response
        return redirect("overview", org_slug=org_slug, env_name="live")
    job = jobs.get_latest(request.actor, "tenants.provision")
    context = {
        "organization": current,
        "job": job,
        "steps": _progress(job.done if job else 0, failed=bool(job and job.state == "DEAD")),
    }
    template = "tenants/_provisioning.html" if request.headers.get("HX-Request") else "tenants/provisioning.html"
    return render(request, template, context)


def _progress(done: int, *, failed: bool) -> list[dict[str, str]]:
    """Each step with the state that the stepper shows: done, now, failed or todo."""
    shown = []
    for index, step in enumerate(provisioning.steps()):
        current = "failed" if failed else "now"
        state = "done" if index < done else current if index == done else "todo"
        shown.append({"title": step.title, "state": state})
    return shown


def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What an invitation offers; joining is a button, so that a mail scanner joins nothing."""
    found = selectors.find_invitation(secrets.digest(token))
    if found is None:
        return render(request, "tenants/invitation.html", {"found": None}, status=404)
    if request.method == "POST" and request.user.is_authenticated:
        joined = actions.accept_invitation(person=person_of(request), token=token, origin=origin(request))
        messages.success(request, f"You joined {joined.name}.")
        return redirect("organization", org_slug=joined.slug)
    return render(request, "tenants/invitation.html", {"found": found, "next": request.path})
