"""Forms of the pages of webhooks."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from hq.lib.clock import now
from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm
from webhooks.models import EVERYTHING, KEPT_DAYS

_EXACT = {"class": "is-mono", "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
_MINUTE = "%Y-%m-%dT%H:%M"
SOME = "some"
# Hours for which a former secret still signs. The longest is a week: longer than any holiday of one's own.
GRACES = [(0, "At once"), (1, "In 1 hour"), (24, "In 1 day"), (72, "In 3 days"), (168, "In 7 days")]


class EndpointForm(OnceForm):
    """Name, address and events. The picker draws `events` itself, and adds whole groups by `noun`."""

    name = forms.RegexField(
        NO_CONTROL, label="Name", max_length=80, help_text="What receives it, such as “Claims intake”."
    )
    url = forms.RegexField(
        NO_CONTROL,
        label="Address",
        max_length=2000,
        help_text="Begins with https://. It must be reachable from the internet.",
        widget=forms.TextInput(attrs=_EXACT | {"inputmode": "url"}),
    )
    scope = forms.ChoiceField(
        label="Events",
        choices=[
            (EVERYTHING, "Everything|Also events that HQ learns to tell later"),
            (SOME, "Only some|You choose below"),
        ],
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, offered: Sequence[str], events: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offered = offered
        self._held = [event for event in events if event != EVERYTHING]
        if not self.is_bound:
            self.initial["scope"] = SOME if self._held else EVERYTHING

    @property
    def ticked(self) -> list[str]:
        """The events that are chosen now: those sent, else those held."""
        if not self.is_bound:
            return self._held
        sent = set(self.data.getlist("event"))  # type: ignore[attr-defined]  # a QueryDict
        nouns = set(self.data.getlist("noun"))  # type: ignore[attr-defined]  # a QueryDict
        return [tag for tag in self._offered if tag in sent or tag.partition(":")[0] in nouns]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data["events"] = [EVERYTHING] if data.get("scope") == EVERYTHING else self.ticked
        if data.get("scope") == SOME and not data["events"]:
            self.add_error("scope", "Choose at least one event below, or everything.")
        return data


class GraceForm(forms.Form):
    """Names the secret that it means to replace: sent twice, the second finds that one replaced already."""

    current = forms.UUIDField(widget=forms.HiddenInput)
    grace_hours = forms.TypedChoiceField(
        label="The former secret ends",
        choices=GRACES,
        coerce=int,
        initial=24,
        widget=forms.RadioSelect,
        help_text="Until then each delivery carries a signature by both, so that your receiver may know either.",
    )


class ReplayForm(forms.Form):
    """Times are in the person's zone, to the minute. Sent twice, the second meets the job of the first."""

    since = forms.DateTimeField(label="From", input_formats=[_MINUTE, f"{_MINUTE}:%S"])
    until = forms.DateTimeField(label="Until", input_formats=[_MINUTE, f"{_MINUTE}:%S"])
    failed_only = forms.BooleanField(
        label="Only what did not arrive", required=False, help_text="Otherwise what arrived is sent again too."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MINUTE)
        if not self.is_bound:
            ends = timezone.localtime(now())
            self.initial.update(since=ends - timedelta(days=1), until=ends, failed_only=True)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        since, until = data.get("since"), data.get("until")
        if since and until and since >= until:
            self.add_error("until", "It must be later than the beginning.")
        if since and since < now() - timedelta(days=KEPT_DAYS, hours=1):
            self.add_error("since", f"Deliveries are kept for {KEPT_DAYS} days.")
        return data
