"""What the explorer is asked for, and the name of a search that is kept."""

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils import timezone

from audit.forms import FilterForm
from audit.tags import Tag
from evidence.models.explorer import VIEW_NAME_LENGTH
from hq.web.portal import OnceForm

_MINUTE: Final = "%Y-%m-%dT%H:%M"
_INDEX: Final = re.compile(r"#?([0-9]{1,3}(,[0-9]{3})+|[0-9]{1,18})")
_REQUEST: Final = re.compile(r"req_[0-9a-f]{32}")

# A kind is what the acts are about: the nouns of their tags. What belongs to none of these is under administrative.
KINDS: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "objects": ("objects", frozenset({"object"})),
    "sharing": ("sharing", frozenset({"share", "upload_request", "artifact", "artifact_link"})),
    "credentials": (
        "credentials",
        frozenset({"api_key", "credentials", "directory_token", "service_account", "workload", "workload_trust"}),
    ),
    "people": (
        "people and access",
        frozenset({"access", "domain", "group", "invitation", "member", "operator", "session", "sso", "support"}),
    ),
    "keys": ("encryption keys", frozenset({"key"})),
    "data": (
        "retention and exports",
        frozenset({"erasure", "export", "hold", "organization", "retention", "trail", "witness"}),
    ),
}
REQUESTS: Final = "access"
PERIODS: Final = {"today": ("today", 0), "week": ("last 7 days", 6), "month": ("last 30 days", 29)}


def tags_of(kind: str) -> tuple[Tag, ...]:
    """The acts of a kind; none for one that does not narrow."""
    nouns = KINDS[kind][1] if kind in KINDS else frozenset()
    return tuple(tag for tag in Tag if tag.partition(":")[0] in nouns)


class ExplorerForm(FilterForm):
    """Every field may be left out. `q` is what people type: a number, a request, an address, an id, or names."""

    kind = forms.ChoiceField(
        required=False,
        choices=[("", "administrative"), (REQUESTS, "requests"), *((kind, text) for kind, (text, _) in KINDS.items())],
    )
    q = forms.CharField(required=False, max_length=200)
    period = forms.ChoiceField(
        required=False, choices=[("", "any"), *((name, text) for name, (text, _) in PERIODS.items())]
    )
    first = forms.DateField(required=False)
    last = forms.DateField(required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and last < first:
            self.add_error("last", "Enter a day that is not before the first one.")
        today = timezone.localdate()
        if period := data.get("period"):
            first, last = today - timedelta(days=PERIODS[period][1]), None
        if first:
            data["since"] = _midnight(first)
        if last and last.year < 9999:
            data["until"] = _midnight(last + timedelta(days=1))
        return data


class Typed:
    """What was typed into the one field, told apart."""

    def __init__(self, typed: str) -> None:
        text = typed.strip()
        found = _INDEX.fullmatch(text)
        self.index = int(found[1].replace(",", "")) if found else None
        self.request_id = text if _REQUEST.fullmatch(text) else ""
        self.ip = _address(text)
        self.id = _uuid(text)
        known = self.index is not None or self.request_id or self.ip or self.id
        self.tag = Tag(text) if text in set(Tag) else None
        self.names = "" if known or self.tag else text


class ViewForm(OnceForm):
    """A search under a name."""

    name = forms.CharField(max_length=VIEW_NAME_LENGTH, label="Name")
    query = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)


class WitnessForm(forms.Form):
    """Whom to ask. What is no address the action says."""

    address = forms.CharField(max_length=320, label="E-mail address")


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _address(text: str) -> str:
    try:
        return str(forms.GenericIPAddressField().clean(text)) if text else ""
    except forms.ValidationError:
        return ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class TrailExportForm(forms.Form):
    """A range of one log. Times are in the person's zone, to the minute; without them it is the whole log."""

    log = forms.ChoiceField(
        label="Log",
        choices=[
            ("admin", "Administrative|What people and programs changed, and every access to an object."),
            ("access", "Requests|Every request, with its outcome."),
        ],
        initial="admin",
        widget=forms.RadioSelect,
    )
    since = forms.DateTimeField(label="From", required=False, input_formats=[_MINUTE, f"{_MINUTE}:%S"])
    until = forms.DateTimeField(label="Before", required=False, input_formats=[_MINUTE, f"{_MINUTE}:%S"])
    format = forms.ChoiceField(
        label="Format",
        choices=[
            ("jsonl", "JSON Lines|For programs, and for checking it."),
            ("csv", "JSON Lines and CSV|With a table for a spreadsheet too."),
        ],
        initial="jsonl",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MINUTE)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        since, until = data.get("since"), data.get("until")
        if since and until and since >= until:
            self.add_error("until", "It must be later than the beginning.")
        return data
