"""Forms of the sharing pages."""

from datetime import timedelta
from typing import Any

from django import forms

from hq.lib.mail_addresses import spell_domain
from hq.web.portal import OnceForm
from sharing.actions.caps import Cap
from sharing.actions.choice import LONGEST_PASSWORD, SHORTEST_PASSWORD
from sharing.actions.requests import Limits
from sharing.actions.words import seconds_of
from sharing.models import DEFAULT, FILES_MOST, LONGEST, PURPOSE_LENGTH, RECIPIENTS_MOST, SHORTEST, ShareLink

OTHER = "other"
LIVES = [
    (str(int(DEFAULT.total_seconds())), "15 min"),
    ("3600", "1 hour"),
    ("86400", "1 day"),
    (str(int(LONGEST.total_seconds())), "7 days"),
    (OTHER, "Other"),
]
UNITS = [("60", "minutes"), ("3600", "hours"), ("86400", "days")]
LEVELS = [
    (ShareLink.Level.READ.value, "Read|Open and download"),
    (ShareLink.Level.WRITE.value, "Write|Also replace these files, and add to these folders"),
]
MEGABYTE = 1_000_000
OUT_OF_BOUNDS = "A link lives from 1 minute to 7 days."


class ShareForm(OnceForm):
    """What the dialog asks for, beside the files."""

    purpose = forms.CharField(
        label="What is it for?",
        max_length=PURPOSE_LENGTH,
        required=False,
        help_text="Shown to the recipient and kept in the audit trail.",
    )
    recipients = forms.CharField(
        label="For whom?",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A link for each, one on a line, such as ines@alderpeak.example. A life of its own goes after a"
        " comma: ines@alderpeak.example, 2 hours. They do not see this. Left empty, there is one link.",
    )
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        min_length=SHORTEST_PASSWORD,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Asked for when a link is opened. Tell it by another way than the link.",
    )
    permission = forms.ChoiceField(
        label="They can", choices=LEVELS, initial=ShareLink.Level.READ.value, widget=forms.RadioSelect
    )
    life = forms.ChoiceField(
        label="Must be opened within", choices=LIVES, initial=LIVES[0][0], widget=forms.RadioSelect
    )
    amount = forms.IntegerField(
        label="How long",
        min_value=1,
        max_value=10_080,
        required=False,
        error_messages={"min_value": OUT_OF_BOUNDS, "max_value": OUT_OF_BOUNDS},
    )
    unit = forms.ChoiceField(label="Unit", choices=UNITS, initial=UNITS[0][0], required=False)

    def clean_recipients(self) -> list[tuple[str, int | None]]:
        """Each line's label, and its life in seconds where it names one."""
        lines = [line.strip() for line in self.cleaned_data["recipients"].splitlines() if line.strip()]
        if len(lines) > RECIPIENTS_MOST:
            raise forms.ValidationError(f"At most {RECIPIENTS_MOST} recipients in one step.")
        return [_recipient(line) for line in lines]

    def clean(self) -> dict[str, Any]:
        """Add `ttl_seconds`."""
        data = super().clean() or self.cleaned_data
        if data.get("life") != OTHER:
            data["ttl_seconds"] = int(data.get("life") or 0)
            return data
        amount, unit = data.get("amount"), data.get("unit")
        if not (amount and unit):
            if "amount" not in self.errors:
                self.add_error("amount", "Enter how many minutes, hours or days.")
            return data
        data["ttl_seconds"] = amount * int(unit)
        if not SHORTEST <= timedelta(seconds=data["ttl_seconds"]) <= LONGEST:
            self.add_error("amount", OUT_OF_BOUNDS)
        return data


def _recipient(line: str) -> tuple[str, int | None]:
    label, comma, life = line.rpartition(",")
    seconds = seconds_of(life) if comma else None
    return (label.strip(), seconds) if seconds is not None else (line, None)


class RuleForm(forms.Form):
    """What a sharing rule says. Empty fields cap nothing."""

    amount = forms.IntegerField(label="Longest life", min_value=1, max_value=43_200, required=False)
    unit = forms.ChoiceField(label="Unit", choices=UNITS, initial="86400", required=False)
    password_required = forms.BooleanField(label="Links need a password", required=False)
    domains = forms.CharField(
        label="E-mail domains of recipients",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One on a line, such as alderpeak.example. When any is named, each link is for an address at one of"
        " them. HQ sends no mail to it and cannot see who opens the link: it says whom the sharer had in mind.",
    )
    write_allowed = forms.BooleanField(label="Links may give writing", required=False, initial=True)
    requests_allowed = forms.BooleanField(label="Upload requests may be made", required=False, initial=True)

    @classmethod
    def of(cls, cap: Cap) -> "RuleForm":
        """Filled with what a rule says now."""
        seconds = cap.longest_seconds
        unit = next((unit for unit, _ in reversed(UNITS) if seconds and seconds % int(unit) == 0), "86400")
        initial = {
            "amount": seconds // int(unit) if seconds else None,
            "unit": unit,
            "password_required": cap.password_required,
            "domains": "\n".join(cap.domains),
            "write_allowed": cap.write_allowed,
            "requests_allowed": cap.requests_allowed,
        }
        return cls(initial=initial, auto_id="id_%s")

    def clean_domains(self) -> tuple[str, ...]:
        """Each in its one spelling, once."""
        found = []
        for line in self.cleaned_data["domains"].split():
            spelled = spell_domain(line)
            if spelled is None:
                raise forms.ValidationError(f"“{line}” is no domain. Write each such as example.com.")
            found.append(spelled)
        return tuple(sorted(set(found)))

    def cap(self) -> Cap:
        """What is asked for, once it is valid."""
        data = self.cleaned_data
        amount = data["amount"]
        return Cap(
            longest_seconds=amount * int(data["unit"] or 86_400) if amount else None,
            password_required=data["password_required"],
            domains=data["domains"],
            write_allowed=data["write_allowed"],
            requests_allowed=data["requests_allowed"],
        )


class RequestForm(OnceForm):
    """What is asked for, where it goes, and how much of it."""

    purpose = forms.CharField(
        label="What do you ask for?", max_length=PURPOSE_LENGTH, help_text="Shown to whoever holds the address."
    )
    folder = forms.CharField(
        label="Folder", max_length=1024, help_text="Where the files go, such as inbox/claims/. It need not be there."
    )
    amount = forms.IntegerField(label="Open for", min_value=1, max_value=43_200, initial=7)
    unit = forms.ChoiceField(label="Unit", choices=UNITS, initial="86400")
    count = forms.IntegerField(label="Files at most", min_value=1, max_value=FILES_MOST, initial=20)
    each = forms.IntegerField(label="Megabytes each", min_value=1, max_value=10_000_000, initial=100)
    whole = forms.IntegerField(label="Megabytes in all", min_value=1, max_value=10_000_000, initial=1_000)
    types = forms.CharField(
        label="Kinds of files",
        required=False,
        max_length=400,
        help_text="Endings of names, such as pdf, csv, png. What a file begins with is looked at too. Empty takes any.",
    )

    def limits(self) -> Limits:
        """As the action takes them, once the form is valid."""
        data = self.cleaned_data
        types = tuple(data["types"].replace(",", " ").split())
        return Limits(data["count"], data["each"] * MEGABYTE, data["whole"] * MEGABYTE, types)

    def ttl_seconds(self) -> int:
        return int(self.cleaned_data["amount"]) * int(self.cleaned_data["unit"])
