"""Forms of the sharing pages."""

from datetime import timedelta
from typing import Any

from django import forms

from hq.web.portal import OnceForm
from sharing.actions.choice import LONGEST_PASSWORD, SHORTEST_PASSWORD
from sharing.actions.words import seconds_of
from sharing.models import DEFAULT, LONGEST, PURPOSE_LENGTH, RECIPIENTS_MOST, SHORTEST, ShareLink

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
    amount = forms.IntegerField(label="How long", min_value=1, max_value=10_080, required=False)
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
