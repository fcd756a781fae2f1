"""What the operator's list can be narrowed to. Everything stands in the address."""

from django import forms

KIND_LENGTH = 100
STATES = [("DEAD", "dead"), ("RUNNING", "running"), ("QUEUED", "queued"), ("DONE", "done")]


class JobFilterForm(forms.Form):
    """Every field may be left out."""

    state = forms.ChoiceField(required=False, choices=[("", "any"), *STATES])
    kind = forms.CharField(required=False, max_length=KIND_LENGTH)
    organization = forms.UUIDField(required=False)
    cursor = forms.UUIDField(required=False)
