"""Forms of the portal."""

import re
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

from django import forms

from hq.authz.actor import Actor
from hq.authz.levels import Level
from hq.authz.roles import Role, may_assign
from hq.lib.mail_addresses import spell_domain
from hq.lib.paths import InvalidPath, clean_prefix
from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm
from tenants.actions.policy import MOST_LINES, read_network
from tenants.models import THEMES, TOTP, WEBAUTHN, Membership, Policy
from tenants.selectors.policy import Terms

MOST_ADDRESSES = 100
LEVELS = {
    Level.READ: "Open and download the files.",
    Level.WRITE: "Also store, replace and delete files.",
    Level.ADMIN: "Also share files by link, and give others access to this folder.",
}
Choices = Sequence[tuple[str, Sequence[tuple[str, str]]]]
COUNTING = [(TOTP, "Authenticator app"), (WEBAUTHN, "Passkeys and security keys")]
REACH = [
    (Policy.Reach.ROLES, "Roles|Owners, admins, developers and analysts read every file. Access rules add to that."),
    (Policy.Reach.RULES, "Access rules only|Owners and admins read every file, everybody else what a rule opens."),
]
SUPPORT = [
    (Policy.Support.ORGANIZATION, "This organization|One of its owners or admins says yes each time."),
    (Policy.Support.OPERATORS, "Another operator|Nobody here is asked. Each step stands in the trail."),
]


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


class PolicyForm(forms.Form):
    """What an organization asks of its people, as a whole. `terms` is what it asks now."""

    mfa_required = forms.BooleanField(label="Ask every member for a second factor", required=False)
    mfa_factors = forms.MultipleChoiceField(
        label="What counts", choices=COUNTING, widget=forms.CheckboxSelectMultiple, required=False
    )
    mfa_by_provider = forms.BooleanField(
        label="The identity provider’s own second factor counts too",
        required=False,
        help_text="For who comes in by single sign-on, where the provider says that it asked for one.",
    )
    idle_minutes = forms.IntegerField(
        label="End a session after so many minutes without use",
        required=False,
        help_text="5 to 720. Without a number HQ’s own 12 hours hold.",
    )
    lifetime_minutes = forms.IntegerField(
        label="End every session after so many minutes",
        required=False,
        help_text="15 to 720, counted from signing in. Without a number a session lasts while it is used.",
    )
    networks = forms.CharField(
        label="Networks that people come in from",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        required=False,
        help_text="One a line, such as 203.0.113.0/24 or 2001:db8::/32. Without one, from anywhere. API keys and share"
        " links are not bound by it.",
    )
    email_domains = forms.CharField(
        label="Domains of members’ addresses",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        required=False,
        help_text="One a line, such as example.com. Without one, any. They bind joining and coming in.",
    )
    sso_required = forms.BooleanField(label="Let people in by single sign-on only", required=False)
    break_glass_id = forms.ChoiceField(
        label="Who comes in when single sign-on fails",
        required=False,
        help_text="An owner with a password or a passkey of their own.",
    )
    reach = forms.ChoiceField(label="What opens files", choices=REACH, widget=forms.RadioSelect)
    support_by = forms.ChoiceField(label="Who lets an operator in", choices=SUPPORT, widget=forms.RadioSelect)

    def __init__(self, *args: Any, terms: Terms, owners: Sequence[Membership], sso: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = {"networks": "\n".join(terms.networks), "email_domains": "\n".join(terms.email_domains)}
        self.initial = {**terms.plain(), **lists, **self.initial}
        cast("forms.ChoiceField", self.fields["break_glass_id"]).choices = [
            ("", "Nobody"),
            *((str(owner.user_id), f"{owner.user.label}, {owner.user.email}") for owner in owners),
        ]
        self.sso = sso or terms.sso_required  # offered where there is such a way in, or where it has to be taken away
        if not self.sso:
            del self.fields["sso_required"], self.fields["break_glass_id"]

    def clean_networks(self) -> list[str]:
        return self._lines("networks", read_network)

    def clean_email_domains(self) -> list[str]:
        return self._lines("email_domains", _read_domain)

    def _lines(self, name: str, read: Callable[[str], str]) -> list[str]:
        """Each line in its one spelling, once, in the order in which they came."""
        lines = [line for line in self.cleaned_data[name].splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            raise forms.ValidationError(f"At most {MOST_LINES} lines. There are {len(lines)}.")
        try:
            return list(dict.fromkeys(read(line) for line in lines))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def terms(self) -> Terms:
        """What the form asks for. The owner who may do without single sign-on is kept only where it is required."""
        data = self.cleaned_data
        required = data.get("sso_required", False)
        owner = data.get("break_glass_id") if required else None
        return Terms.read({**data, "sso_required": required, "break_glass_id": owner})


def _read_domain(line: str) -> str:
    domain = spell_domain(line.strip().removeprefix("@"))
    if domain is None:
        raise ValueError(f"Enter domains such as example.com. “{line.strip()}” is none.")
    return domain


class RoleForm(forms.Form):
    """Only the roles that the actor may give."""

    role = forms.ChoiceField(label="Role")

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [role for role in Role if role is not Role.SERVICE_ACCOUNT and may_assign(actor.role, role)]
        cast("forms.ChoiceField", self.fields["role"]).choices = [(role.value, role_label(role)) for role in people]


class InviteForm(RoleForm):
    """One address or many; one role for all of them."""

    addresses = forms.CharField(
        label="E-mail addresses",
        max_length=30_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=f"One a line, or with commas between them. At most {MOST_ADDRESSES} at once.",
    )

    field_order = ["addresses", "role"]

    def clean_addresses(self) -> list[str]:
        words = [word for word in re.split(r"[\s,;]+", self.cleaned_data["addresses"]) if word]
        addresses = list(dict.fromkeys(word.lower() for word in words))
        if not addresses:
            raise forms.ValidationError("Enter an address.")
        if len(addresses) > MOST_ADDRESSES:
            raise forms.ValidationError(f"These are {len(addresses)} addresses. Enter at most {MOST_ADDRESSES}.")
        check = forms.EmailField(max_length=254)
        for address in addresses:
            try:
                check.clean(address)
            except forms.ValidationError:
                raise forms.ValidationError(f"{address[:80]} is not an address.") from None
        return addresses


class NameForm(OnceForm):
    """A name for something new, or a new name."""

    name = forms.RegexField(NO_CONTROL, label="Name", max_length=80)


class GroupForm(NameForm):
    name = forms.RegexField(NO_CONTROL, label="Name", max_length=120, help_text="Such as Claims, or External auditors.")


class MembersField(forms.TypedMultipleChoiceField):
    """Ids of members. Whether they are members is for the action to say, which knows the organization."""

    def valid_value(self, value: str) -> bool:
        try:
            UUID(value)
        except ValueError:
            return False
        return True


class PeopleForm(forms.Form):
    """Members who are chosen from a list of them."""

    membership = MembersField(coerce=UUID, error_messages={"required": "Choose somebody."})


class LevelForm(forms.Form):
    level = forms.TypedChoiceField(
        label="They can",
        choices=[(level.name.lower(), f"{level.name.capitalize()}|{text}") for level, text in LEVELS.items()],
        coerce=lambda name: Level[name.upper()],
        initial="read",
        widget=forms.RadioSelect,
    )


class AccessForm(LevelForm):
    """A rule: where, who, what."""

    folder = forms.CharField(
        label="Folder",
        required=False,
        max_length=1024,
        strip=False,
        help_text="Such as reports/2026/. The rule counts on everything in it. Left empty, it counts on every file.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    who = forms.TypedChoiceField(label="Who", coerce=UUID, error_messages={"invalid_choice": "Choose one of the list."})

    field_order = ["folder", "who", "level"]

    def __init__(self, *args: Any, principals: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ChoiceField", self.fields["who"]).choices = [("", "Choose…"), *principals]

    def clean_folder(self) -> str:
        folder: str = self.cleaned_data["folder"]
        try:
            return clean_prefix(folder if not folder or folder.endswith("/") else f"{folder}/")
        except InvalidPath as problem:
            raise forms.ValidationError(str(problem)) from problem


class ExplainForm(forms.Form):
    """Whom and what to ask about. Without a person: everybody."""

    who = forms.TypedChoiceField(label="Who", coerce=UUID, required=False, empty_value=None)
    path = forms.CharField(
        label="File or folder",
        required=False,
        max_length=1024,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, principals: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ChoiceField", self.fields["who"]).choices = [("", "Everybody who can reach it"), *principals]

    def clean_path(self) -> str:
        try:
            return clean_prefix(self.cleaned_data["path"])
        except InvalidPath as problem:
            raise forms.ValidationError(str(problem)) from problem
