"""Forms of the portal."""

import zoneinfo
from typing import Any, cast

from django import forms

from hq.authz.actor import Actor
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import Role, may_assign
from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm
from tenants.models import THEMES

LIVES = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "Does not expire")]


def role_label(role: Role) -> str:
    """`service_account` as people read it."""
    return role.value.replace("_", " ").capitalize()


def zone_choices() -> list[tuple[str, str]]:
    return [(zone, zone.replace("_", " ")) for zone in sorted(zoneinfo.available_timezones())]


class SignUpForm(forms.Form):
    """Added to allauth's own fields. The zone is filled in by the browser; nobody is asked."""

    name = forms.RegexField(
        NO_CONTROL,
        label="Your name",
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True}),
    )
    time_zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    field_order = ["name", "email", "password1"]

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"]
        return zone if zone in zoneinfo.available_timezones() else "UTC"

    def signup(self, request: object, user: object) -> None:
        """Nothing more to do; allauth asks for the method."""


class OrganizationForm(OnceForm):
    name = forms.RegexField(
        NO_CONTROL, label="Name", max_length=80, min_length=2, help_text="Shown to members and to recipients of links."
    )


class ProfileForm(forms.Form):
    name = forms.RegexField(
        NO_CONTROL,
        label="Name",
        max_length=80,
        help_text="Shown to your organizations and to recipients of your links.",
    )
    time_zone = forms.ChoiceField(label="Time zone", choices=zone_choices)
    theme = forms.ChoiceField(label="Theme", choices=THEMES)


class RoleForm(forms.Form):
    """Only the roles that the actor may give."""

    role = forms.ChoiceField(label="Role")

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [role for role in Role if role is not Role.SERVICE_ACCOUNT and may_assign(actor.role, role)]
        cast("forms.ChoiceField", self.fields["role"]).choices = [(role.value, role_label(role)) for role in people]


class InviteForm(OnceForm, RoleForm):
    email = forms.EmailField(label="E-mail address", max_length=254)

    field_order = ["email", "role"]


class ApiKeyForm(OnceForm):
    name = forms.RegexField(NO_CONTROL, label="Name", max_length=80, help_text="What uses it, such as nightly-backup.")
    scopes = forms.MultipleChoiceField(label="Scopes", widget=forms.CheckboxSelectMultiple)
    life = forms.ChoiceField(
        label="Expires after", choices=LIVES, required=False, initial="90", widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = sorted(SCOPES & actor.permissions)
        cast("forms.ChoiceField", self.fields["scopes"]).choices = [(scope.value, scope.value) for scope in own]

    def clean_scopes(self) -> frozenset[Permission]:
        return frozenset(Permission(scope) for scope in self.cleaned_data["scopes"])
