"""Forms of domains and of single sign-on."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from directory.actions.metadata import MOST_BYTES
from directory.models import SsoConnection
from directory.models.sso import ROLES_BY_SSO
from hq.authz.actor import Actor
from hq.authz.roles import Role, may_assign
from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm

Kind, Protocol = SsoConnection.Kind, SsoConnection.Protocol
MOST_SHOWN = 300
EMPTY_ROWS = 2
_EXACT = {"class": "is-mono", "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
_NO_FILE = f"Choose a file of at most {MOST_BYTES // 1024} KiB."


def _text(label: str, help_text: str = "", *, most: int = MOST_SHOWN, required: bool = True) -> forms.CharField:
    return forms.RegexField(
        NO_CONTROL,
        label=label,
        max_length=most,
        required=required,
        help_text=help_text,
        widget=forms.TextInput(attrs=_EXACT),
    )


def _secret(label: str, *, kept: bool) -> forms.CharField:
    """Written only: what is kept is never sent back."""
    return forms.CharField(
        label=label,
        max_length=500,
        required=not kept,
        help_text="Left empty, the one that is kept stays. It is never shown again." if kept else "Never shown again.",
        widget=forms.PasswordInput(attrs={**_EXACT, "autocomplete": "new-password"}),
    )


def _certificate() -> forms.CharField:
    return forms.CharField(
        label="Signing certificate",
        help_text="It begins with -----BEGIN CERTIFICATE-----.",
        widget=forms.Textarea(attrs={**_EXACT, "rows": 6}),
    )


class DomainForm(OnceForm):
    name = _text("Domain", "What stands behind the @ of your addresses, such as example.com.", most=253)


class ConnectionForm(OnceForm):
    kind = forms.ChoiceField(label="Your identity provider", choices=Kind.choices, widget=forms.RadioSelect)
    protocol = forms.ChoiceField(
        label="How it signs people in",
        choices=[
            (Protocol.SAML.value, "SAML 2.0|With a certificate. Sends groups with every provider."),
            (Protocol.OIDC.value, "OpenID Connect|With a client secret. Quicker to set up."),
        ],
        initial=Protocol.SAML.value,
        widget=forms.RadioSelect,
        help_text="Take what your provider offers. WorkOS has a way of its own.",
    )
    name = forms.RegexField(
        NO_CONTROL,
        label="Name",
        max_length=80,
        required=False,
        help_text="Shown where people sign in. Left empty, it is the provider’s.",
    )

    field_order = ["kind", "protocol", "name", "once"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("kind") == Kind.WORKOS:
            data["protocol"] = Protocol.WORKOS.value
        if "kind" in data and not data.get("name", "").strip():
            data["name"] = Kind(data["kind"]).label if data["kind"] != Kind.OTHER else "Single sign-on"
        return data


class UploadForm(forms.Form):
    file = forms.FileField(
        label="Metadata file", error_messages={"required": _NO_FILE, "missing": _NO_FILE, "empty": "The file is empty."}
    )

    def clean_file(self) -> bytes:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if not file.size or file.size > MOST_BYTES:
            raise forms.ValidationError(_NO_FILE)
        return bytes(file.read())


class AddressForm(forms.Form):
    url = _text("Address of the metadata", "Fetched once, now. The address itself is not kept.", most=2000)


class HandForm(forms.Form):
    entity_id = _text("Entity ID of the provider", "Also called issuer.", most=1024)
    sso_url = _text("Sign-on address", "Where people are sent, by HTTP-Redirect. Also called SSO URL.", most=2000)
    certificate = _certificate()


class CertificateForm(forms.Form):
    certificate = _certificate()


class OpenIdForm(forms.Form):
    issuer = _text("Issuer", most=2000)
    client_id = _text("Client ID")

    def __init__(self, *args: Any, kept: bool, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"] = _secret("Client secret", kept=kept)
        self.fields["issuer"].help_text = f"Exactly as the provider calls itself, such as {example}"


class WorkOsForm(forms.Form):
    client_id = _text("Client ID", "It begins with client_.")
    bound = _text("Organization or connection", "Its ID: org_… for an organization, conn_… for one connection.")

    def __init__(self, *args: Any, kept: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"] = _secret("API key", kept=kept)

    def clean_bound(self) -> str:
        bound: str = self.cleaned_data["bound"].strip()
        if not bound.startswith(("org_", "conn_")):
            raise forms.ValidationError("Give an ID that begins with org_ or conn_.")
        return bound

    def described(self) -> dict[str, str]:
        """What is kept of it, without the key."""
        bound = self.cleaned_data["bound"]
        kind = "organization" if bound.startswith("org_") else "connection"
        return {"client_id": self.cleaned_data["client_id"], kind: bound}


class SamlNamesForm(forms.Form):
    email = _text(
        "E-mail address", "Left empty, the NameID is taken, if its format is an e-mail address.", required=False
    )
    first_name = _text("First name", required=False)
    last_name = _text("Last name", required=False)
    name = _text("Whole name", "In place of first and last name.", required=False)
    groups = _text("Groups", required=False)
    uid = _text("Identifier", "What never changes of a person. Left empty, the NameID is taken.", required=False)


class ClaimNamesForm(forms.Form):
    email = _text("E-mail address", "Left empty, it is email.", required=False)
    name = _text("Name", "Left empty, it is name.", required=False)
    groups = _text("Groups", "Left empty, it is groups.", required=False)


class RolesForm(forms.Form):
    """The table of groups stands beside the fields: any number of rows of `group` and `role`, in order."""

    default_role = forms.ChoiceField(label="Everybody else")
    joins = forms.BooleanField(
        label="Whoever signs in and is not a member yet becomes one",
        required=False,
        help_text="Otherwise only people who were invited, or whom a directory has added, come in.",
    )

    def __init__(self, *args: Any, actor: Actor, groups: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = {role for _, role in groups} | {self.initial.get("default_role")}
        self.roles = [
            (role, Role(role).value.replace("_", " ").capitalize())
            for role in ROLES_BY_SSO
            if may_assign(actor.role, Role(role)) or role in taken
        ]
        self.fields["default_role"].choices = self.roles  # type: ignore[attr-defined]  # a ChoiceField
        posted = list(zip(self.data.getlist("group"), self.data.getlist("role"), strict=False)) if self.is_bound else []  # type: ignore[attr-defined]  # a QueryDict
        self.rows = [(group.strip(), role) for group, role in posted] if self.is_bound else list(groups)

    def arrange(self) -> None:
        """For a button beside a row, or below all of them: nothing is kept yet."""
        dropped = self.data.get("drop", "")
        if dropped.isdecimal() and int(dropped) < len(self.rows):
            del self.rows[int(dropped)]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The rows, and some for more."""
        return [*(row for row in self.rows if row[0]), *[("", Role.ANALYST.value)] * EMPTY_ROWS]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        known = {role for role, _ in self.roles}
        groups = [(group, role) for group, role in self.rows if group]
        if any(len(group) > MOST_SHOWN or not group.isprintable() for group, _ in groups):
            raise forms.ValidationError(f"A group’s name has at most {MOST_SHOWN} characters, all of them to be seen.")
        if any(role not in known for _, role in groups):
            raise forms.ValidationError("Choose one of the roles for each group.")
        data["groups"] = [(group, Role(role)) for group, role in groups]
        return data
