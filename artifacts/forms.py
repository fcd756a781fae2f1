"""Forms of the pages of artifacts."""

from typing import Any

from django import forms

from artifacts.models import FOR_LENGTH, LINKS_AT_ONCE, LONGEST, NAME_LENGTH, SHORTEST, Artifact
from hq.web.portal import OnceForm

ACCESS = [
    (Artifact.Access.LINK.value, "By link|Each link lets one browser in, once"),
    (Artifact.Access.PASSWORD.value, "By password|Whoever knows it, and holders of links"),
    (Artifact.Access.OPEN.value, "Open|Whoever knows the address"),
]
LIVES = [("3600", "1 hour"), ("86400", "1 day"), (str(int(LONGEST.total_seconds())), "7 days"), ("other", "Other")]
UNITS = [("60", "minutes"), ("3600", "hours"), ("86400", "days")]
OUT_OF_BOUNDS = "A link lives from 1 minute to 7 days."


class AccessForm(forms.Form):
    """What an artifact is called, and who may see it."""

    name = forms.CharField(label="Name", max_length=NAME_LENGTH, help_text="Encrypted. Shown to whoever opens a link.")
    access = forms.ChoiceField(
        label="Who may see it", choices=ACCESS, initial=Artifact.Access.LINK.value, widget=forms.RadioSelect
    )
    password = forms.CharField(
        label="Password",
        required=False,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput,
        help_text="8 characters or more. Asked for only where access is by password.",
    )

    def clean(self) -> dict[str, Any]:
        """No password counts as none: a browser sends the empty field."""
        data = super().clean() or self.cleaned_data
        data["password"] = data.get("password") or None
        return data


class NewForm(OnceForm, AccessForm):
    """A new artifact."""

    address = forms.CharField(
        label="Address begins with",
        required=False,
        max_length=40,
        help_text="Optional, such as q3-report. It stands in the clear; HQ adds twelve characters that nobody guesses.",
    )


class LinksForm(forms.Form):
    """For whom, one a line, and how long."""

    recipients = forms.CharField(
        label="For whom, one a line",
        required=False,
        max_length=LINKS_AT_ONCE * (FOR_LENGTH + 2),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=f"One link for each line, {LINKS_AT_ONCE} at most. They read it themselves.",
    )
    life = forms.ChoiceField(
        label="Must be opened within", choices=LIVES, initial=LIVES[2][0], widget=forms.RadioSelect
    )
    amount = forms.IntegerField(
        label="How long",
        min_value=1,
        max_value=10_080,
        required=False,
        error_messages={"min_value": OUT_OF_BOUNDS, "max_value": OUT_OF_BOUNDS},
    )
    unit = forms.ChoiceField(label="Unit", choices=UNITS, initial=UNITS[0][0], required=False)

    def clean(self) -> dict[str, Any]:
        """Add `ttl_seconds`, and make `recipients` a list."""
        data = super().clean() or self.cleaned_data
        data["recipients"] = [line for line in data.get("recipients", "").splitlines() if line.strip()] or [""]
        if data.get("life") != "other":
            data["ttl_seconds"] = int(data.get("life") or 0)
            return data
        amount, unit = data.get("amount"), data.get("unit")
        data["ttl_seconds"] = amount * int(unit) if amount and unit else 0
        within = SHORTEST.total_seconds() <= data["ttl_seconds"] <= LONGEST.total_seconds()
        if not within and "amount" not in self.errors:
            self.add_error("amount", OUT_OF_BOUNDS)
        return data


class FolderForm(forms.Form):
    """Which folder of the files."""

    folder = forms.CharField(
        label="Folder", max_length=4096, strip=False, error_messages={"required": "Name a folder."}
    )


class NumberForm(forms.Form):
    """Which deployment."""

    deployment = forms.IntegerField(min_value=1, max_value=2**31 - 1)
