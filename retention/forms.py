"""Forms of the pages of retention."""

from typing import Any

from django import forms

from hq.db.retention import RecordClass
from hq.lib.text import NO_CONTROL
from retention.actions import LONGEST_WAIT_DAYS, SHORTEST_WAIT_DAYS

REASON_LENGTH, NAME_LENGTH = 500, 80


def _reason(help_text: str) -> forms.CharField:
    return forms.CharField(
        label="Reason", max_length=REASON_LENGTH, widget=forms.Textarea(attrs={"rows": 2}), help_text=help_text
    )


class PeriodForm(forms.Form):
    """Sent twice, it says the same twice."""

    days = forms.IntegerField(label="Days")

    def __init__(self, *args: Any, record: RecordClass, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = self.fields["days"]
        days.required = not record.may_stay
        days.min_value, days.max_value = record.least, record.most  # type: ignore[attr-defined]  # an IntegerField's own
        days.widget.attrs |= {"min": record.least, "max": record.most, "inputmode": "numeric"}
        bounds = f"{record.least} to {record.most:,}, {record.since}."
        days.help_text = f"{bounds} Leave it empty to keep all of them." if record.may_stay else bounds
        self._record = record

    def clean_days(self) -> int | None:
        days: int | None = self.cleaned_data["days"]
        if days is not None and not self._record.least <= days <= self._record.most:
            raise forms.ValidationError(f"Enter {self._record.least} to {self._record.most:,} days.")
        return days


class HoldForm(forms.Form):
    """Sent twice it makes two holds, both of which show."""

    name = forms.RegexField(NO_CONTROL, label="Name", max_length=NAME_LENGTH, help_text="Such as the case it is for.")
    reason = _reason("Sealed, and kept in the audit trail.")
    paths = forms.CharField(
        label="Folders and files",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "is-mono", "spellcheck": "false"}),
        help_text="One a line; a folder ends in a slash. Leave it empty to hold the whole organization.",
    )

    def clean_paths(self) -> list[str]:
        return [line for line in self.cleaned_data["paths"].splitlines() if line.strip()]


class LiftForm(forms.Form):
    reason = _reason("Kept in the audit trail.")


class _Typed(forms.Form):
    """Whoever sends it types what it is about."""

    confirm = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off"}))

    def __init__(self, *args: Any, typed: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._typed = typed
        self.fields["confirm"].label = f"Type {typed} to confirm"

    def clean_confirm(self) -> str:
        text: str = self.cleaned_data["confirm"].strip()
        if text != self._typed:
            raise forms.ValidationError(f"Type {self._typed}, as it stands there. Nothing was changed.")
        return text


class ErasureForm(_Typed):
    """Nothing is asked for twice: there is one open wish."""

    days = forms.IntegerField(
        label="Days to wait",
        min_value=SHORTEST_WAIT_DAYS,
        max_value=LONGEST_WAIT_DAYS,
        initial=SHORTEST_WAIT_DAYS,
        help_text=f"{SHORTEST_WAIT_DAYS} to {LONGEST_WAIT_DAYS}. Until then any owner can call it off.",
    )
    reason = _reason("Shown to the other owners, and kept under the deployment’s key.")

    field_order = ["days", "reason", "confirm"]


class MemberForm(_Typed):
    reason = _reason("Kept in the audit trail.")

    field_order = ["reason", "confirm"]


class TypedForm(_Typed):
    """Only what has to be typed."""
