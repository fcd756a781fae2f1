"""What the operator's lists can be narrowed to, and what operators fill in. Filters stand in the address."""

from typing import Any

from django import forms

from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm

KIND_LENGTH = 100
STATES = [("DEAD", "dead"), ("RUNNING", "running"), ("QUEUED", "queued"), ("DONE", "done")]
ORGANIZATION_STATES = [
    ("READY", "ready"),
    ("PROVISIONING", "being made"),
    ("SUSPENDED", "suspended"),
    ("CLOSED", "closed"),
]
LENGTHS = [(15, "15 minutes"), (30, "30 minutes"), (60, "1 hour"), (120, "2 hours"), (240, "4 hours"), (480, "8 hours")]
# A reason is one paragraph: no line breaks and nothing else that a terminal or a mail would act on.
REASON: dict[str, Any] = {"regex": NO_CONTROL, "min_length": 5, "max_length": 500}


class JobFilterForm(forms.Form):
    """Every field may be left out."""

    state = forms.ChoiceField(required=False, choices=[("", "any"), *STATES])
    kind = forms.CharField(required=False, max_length=KIND_LENGTH)
    organization = forms.UUIDField(required=False)
    cursor = forms.UUIDField(required=False)


class OrganizationFilterForm(forms.Form):
    """Every field may be left out."""

    q = forms.CharField(required=False, max_length=80)
    state = forms.ChoiceField(required=False, choices=[("", "any"), *ORGANIZATION_STATES])
    cursor = forms.UUIDField(required=False)


class AccessFilterForm(forms.Form):
    """Every field may be left out."""

    open = forms.ChoiceField(required=False, choices=[("", "any"), ("yes", "open")])
    organization = forms.UUIDField(required=False)
    cursor = forms.UUIDField(required=False)


class TrailFilterForm(forms.Form):
    """Every field may be left out."""

    tag = forms.CharField(required=False, max_length=60)
    cursor = forms.IntegerField(required=False, min_value=1, max_value=10**18)


class NewOrganizationForm(OnceForm):
    name = forms.RegexField(
        NO_CONTROL, label="Name", max_length=80, min_length=2, help_text="Shown to members and to recipients of links."
    )
    email = forms.EmailField(
        label="Owner’s e-mail address", max_length=254, help_text="They are mailed the way in, and become its owner."
    )


class ChangeForm(forms.Form):
    """Suspending, closing, and opening again."""

    reason = forms.RegexField(
        **REASON, label="Why", help_text="The owners read it, and the trails of both sides keep it."
    )
    confirm = forms.CharField(required=False, max_length=48)


class AskForm(OnceForm):
    """Support access."""

    reason = forms.RegexField(**REASON, label="Why", help_text="Who decides reads it, and the banner shows it.")
    minutes = forms.TypedChoiceField(label="For how long", choices=LENGTHS, coerce=int, initial=60)
    email = forms.EmailField(
        label="As a member",
        required=False,
        max_length=254,
        help_text="Their address, to see the pages as they do. Leave it empty to see them as support.",
    )
    writes = forms.BooleanField(
        label="Also change things",
        required=False,
        help_text="Store and delete files, and revoke share links. Without it, only see.",
    )

    field_order = ["reason", "minutes", "email", "writes"]
