"""The explorer's filters, for the portal and for /v1 alike."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.core.validators import MaxValueValidator
from django.utils import timezone

from audit.selectors import Filters


class FilterForm(forms.Form):
    """Every field may be left out."""

    kind = forms.ChoiceField(required=False, choices=[("", "administrative"), ("access", "requests")])
    tag = forms.CharField(required=False, max_length=60)
    actor_id = forms.UUIDField(required=False)
    target_id = forms.CharField(required=False, max_length=80)
    ip = forms.GenericIPAddressField(required=False)
    request_id = forms.CharField(required=False, max_length=40)
    outcome = forms.ChoiceField(required=False, choices=[("", "any"), ("done", "done"), ("refused", "refused")])
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)
    day = forms.DateField(required=False, validators=[MaxValueValidator(date(9998, 12, 31))])

    def filters(self) -> Filters:
        """The cleaned values as the selectors take them."""
        data = self.cleaned_data
        since, until = data.get("since"), data.get("until")
        if day := data.get("day"):
            since = timezone.make_aware(datetime.combine(day, time.min))
            until = since + timedelta(days=1)
        return Filters(
            tag=data.get("tag") or "",
            actor_id=data.get("actor_id"),
            ip=data.get("ip") or "",
            request_id=data.get("request_id") or "",
            target_id=data.get("target_id") or "",
            since=since,
            until=until,
            outcome=data.get("outcome") or "",
        )
