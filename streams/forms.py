"""Forms of the pages of streams: one for each kind of target, and for sending again."""

from typing import Any

from django import forms

from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm
from streams.actions.streams import NOW, START
from streams.models import Sent
from streams.targets.https import ARRAY, LINES
from streams.targets.syslog import PORT

_EXACT = {"class": "is-mono", "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
_MINUTE = "%Y-%m-%dT%H:%M"
LOGS = [
    (Sent.ADMIN.value, "Administrative events|Who changed what, with details"),
    (Sent.ACCESS.value, "Requests|Every request, by whom and with what outcome"),
    (Sent.ORGANIZATION.value, "Requests of the organization|Those that are of no environment"),
]


def _exact(label: str, *, most: int = 500, **named: Any) -> forms.CharField:
    return forms.RegexField(NO_CONTROL, label=label, max_length=most, widget=forms.TextInput(attrs=_EXACT), **named)


def _hidden(label: str, **named: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={**_EXACT, "autocomplete": "new-password"})
    return forms.RegexField(NO_CONTROL, label=label, max_length=1000, widget=widget, **named)


class StreamForm(OnceForm):
    """What every kind has. `target` and `secret` are what the action takes; an empty secret changes nothing."""

    targets: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    name = forms.RegexField(NO_CONTROL, label="Name", max_length=80, help_text="What receives it, such as “SIEM”.")
    logs = forms.MultipleChoiceField(
        label="What is sent", choices=LOGS, widget=forms.CheckboxSelectMultiple, initial=[sent.value for sent in Sent]
    )
    begin = forms.ChoiceField(
        label="It begins",
        choices=[(NOW, "Now|With what happens next"), (START, "At the start|With everything there is")],
        widget=forms.RadioSelect,
        initial=NOW,
    )

    def __init__(self, *args: Any, logs: list[str], changes: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [choice for choice in LOGS if choice[0] in logs]
        self.fields["logs"].choices = offered  # type: ignore[attr-defined]  # a MultipleChoiceField
        if changes:
            del self.fields["begin"], self.fields["once"]
            for name in self.secrets:
                self.fields[name].required = False
                self.fields[name].help_text = "Leave it empty to keep what HQ has, if the server stays the same."

    @property
    def target(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.targets}

    @property
    def secret(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.secrets}


class HttpsForm(StreamForm):
    targets, secrets = ("url", "format", "header"), ("value",)
    field_order = ("name", "url", "header", "value", "format", "logs", "begin")

    url = _exact("Address", most=2000, help_text="Begins with https://. It must be reachable from the internet.")
    header = _exact("Header", initial="Authorization", help_text="The name of the header that lets HQ in.")
    value = _hidden("Its value", required=False, help_text="Such as “Bearer …”. HQ seals it and never shows it again.")
    format = forms.ChoiceField(
        label="Body",
        choices=[(LINES, "JSON Lines|One entry on each line"), (ARRAY, "JSON array|All entries of a batch in one")],
        widget=forms.RadioSelect,
        initial=LINES,
    )


class SyslogForm(StreamForm):
    targets = ("host", "port", "ca")
    field_order = ("name", "host", "port", "ca", "logs", "begin")

    host = _exact("Host", help_text="Without port and path. Its certificate must be for this name.")
    port = forms.IntegerField(label="Port", initial=PORT, min_value=1, max_value=65535)
    ca = forms.CharField(
        label="Certificate authority",
        required=False,
        widget=forms.Textarea(attrs={**_EXACT, "rows": 4}),
        help_text="In PEM, if the server’s certificate is from an authority of your own. Empty: the public ones.",
    )


class S3Form(StreamForm):
    targets, secrets = ("bucket", "region", "prefix", "endpoint", "access_key_id"), ("secret_access_key",)
    field_order = (
        *("name", "bucket", "region", "prefix", "endpoint", "access_key_id", "secret_access_key", "logs", "begin"),
    )

    bucket = _exact("Bucket")
    region = _exact("Region", help_text="Such as eu-central-1.")
    prefix = _exact(  # type: ignore[assignment]  # a field of the form, not what forms begin their names with
        "Prefix", required=False, help_text="What the names of all objects begin with."
    )
    endpoint = _exact("Endpoint", required=False, help_text="Only for a store that is not AWS. Begins with https://.")
    access_key_id = _exact("Access key id", help_text="Of a user who may s3:PutObject below the prefix, and no more.")
    secret_access_key = _hidden("Secret access key", help_text="HQ seals it and never shows it again.")


FORMS: dict[str, type[StreamForm]] = {"https": HttpsForm, "syslog": SyslogForm, "s3": S3Form}


class ReplayForm(forms.Form):
    """From an index or from a time, in the person's zone."""

    log = forms.ChoiceField(label="Log", choices=LOGS, widget=forms.RadioSelect)
    index = forms.IntegerField(label="From entry", required=False, min_value=1, max_value=2**53)
    since = forms.DateTimeField(label="Or from", required=False, input_formats=[_MINUTE, f"{_MINUTE}:%S"])

    def __init__(self, *args: Any, logs: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["log"]
        field.choices = [choice for choice in LOGS if choice[0] in logs]  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.setdefault("log", logs[0])
        self.fields["since"].widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MINUTE)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if (data.get("index") is None) == (data.get("since") is None) and not self.errors:
            self.add_error("index", "Name an entry or a time; one of the two.")
        return data
