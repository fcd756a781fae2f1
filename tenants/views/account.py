"""A person's own pages."""

from typing import cast

from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from audit import selectors as trail
from hq.lib.errors import NotFound
from hq.web.portal import person_of
from tenants import actions
from tenants.forms import ProfileForm


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
    """A link made on the server: a button signs its person in, once. Looking at the page uses nothing up.

    It stands for the password only: who has a second factor is asked for it.
    """
    if request.method == "POST":
        try:
            person = actions.use_sign_in_link(token=token)
        except NotFound:
            return render(request, "tenants/sign_in_once.html", {"dead": True}, status=404)
        logout(request)  # whoever was signed in here
        sign_in = Login(user=person, email_verification=EmailVerificationMethod.NONE)
        return cast("HttpResponse", perform_login(request, sign_in))
    return render(request, "tenants/sign_in_once.html", {"dead": False})
