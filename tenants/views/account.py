"""A person's own pages."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from audit import selectors as trail
from hq.lib.errors import NotFound
from hq.web.portal import person_of
from tenants import actions
from tenants.forms import ProfileForm

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name, time zone, theme, and the person's own log."""
    person = person_of(request)
    initial = {"name": person.name, "time_zone": person.time_zone, "theme": person.theme}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        actions.update_profile(person=person, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("profile")
    context = {"form": form, "events": trail.list_person_events(person.pk)}
    return render(request, "tenants/profile.html", context, status=400 if form.errors else 200)


def sign_in_once(request: HttpRequest, token: str) -> HttpResponse:
    """A link made on the server: a button signs its person in, once. Looking at the page uses nothing up."""
    if request.method == "POST":
        try:
            person = actions.use_sign_in_link(token=token)
        except NotFound:
            return render(request, "tenants/sign_in_once.html", {"dead": True}, status=404)
        login(request, person, backend=BACKEND)
        return redirect("home")
    return render(request, "tenants/sign_in_once.html", {"dead": False})
