"""Forms of the pages of keys."""

from typing import Any

from django import forms

from hq.lib.text import NO_CONTROL
from keys.actions.records import REASON_LENGTH
from keys.providers.base import LONGEST_WAIT_DAYS, SHORTEST_WAIT_DAYS


def _reason(*, required: bool) -> forms.CharField:
    return forms.CharField(
        label="Reason",
        max_length=REASON_LENGTH,
        required=required,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit trail.",
    )


class RotateForm(forms.Form):
    """Sent twice, the second meets the rotation of the first: there is one at a time."""

    reason = _reason(required=False)


class OwnKeyForm(RotateForm):
    ref = forms.RegexField(
        NO_CONTROL,
        label="ARN of your key",
        max_length=300,
        help_text="It looks like arn:aws:kms:REGION:ACCOUNT:key/ID.",
        widget=forms.TextInput(attrs={"class": "is-mono", "spellcheck": "false", "autocomplete": "off"}),
    )

    field_order = ["ref", "reason"]


class DestroyForm(forms.Form):
    """Nothing is made twice: there is one open wish for a key."""

    days = forms.IntegerField(
        label="Days to wait",
        min_value=SHORTEST_WAIT_DAYS,
        max_value=LONGEST_WAIT_DAYS,
        initial=LONGEST_WAIT_DAYS,
        help_text=f"{SHORTEST_WAIT_DAYS} to {LONGEST_WAIT_DAYS}, counted from when somebody else agrees.",
        error_messages={
            "min_value": f"Enter {SHORTEST_WAIT_DAYS} to {LONGEST_WAIT_DAYS} days.",
            "max_value": f"Enter {SHORTEST_WAIT_DAYS} to {LONGEST_WAIT_DAYS} days.",
        },
    )
    reason = _reason(required=True)
    confirm = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off"}))

    def __init__(self, *args: Any, typed: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._typed = typed
        self.fields["confirm"].label = f"Type {typed} to confirm"
        self.fields["reason"].help_text = "Shown to whoever has to agree, and kept with the certificate."

    def clean_confirm(self) -> str:
        text: str = self.cleaned_data["confirm"].strip()
        if text != self._typed:
            raise forms.ValidationError(f"Type {self._typed}, as it stands there. Nothing was changed.")
        return text
