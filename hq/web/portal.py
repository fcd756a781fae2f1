"""What portal views share: the sign-in door, and forms that may be sent twice without doing it twice."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, Unauthenticated
from hq.lib.ids import new_id
from hq.web.request import TenantRequest, request_id

View = TypeVar("View", bound=Callable[..., HttpResponse])
_SALT = "hq.form"


def own_context(view: View) -> View:
    """Marks a view that opens its own tenant context: it streams, or must keep a write after a refusal."""
    cast("Any", view).own_context = True
    return view


def public(view: View) -> View:
    """Marks a portal view that asks for no sign-in."""
    cast("Any", view).public = True
    return view


class OnceForm(forms.Form):
    """A form that carries, signed, the id of the row it will make: sent twice, the second meets the first's row."""

    once = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:
            self.initial["once"] = signing.dumps(str(new_id()), salt=_SALT)

    def clean_once(self) -> UUID:
        try:
            return UUID(signing.loads(self.cleaned_data["once"], salt=_SALT, max_age=86_400))
        except signing.BadSignature:
            raise forms.ValidationError("This form is too old. Reload the page and send it again.") from None


def refuse_invalid(form: forms.Form) -> None:
    """For actions behind a button: what is wrong with the form is the answer."""
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        raise Invalid(str(first))


def person_of(request: HttpRequest) -> Any:
    """The signed-in person. Only behind `login_required`, or on tenant routes."""
    if not request.user.is_authenticated:
        raise Unauthenticated
    return request.user


def to(name: str, where: Mapping[str, str], **more: Any) -> HttpResponseRedirect:
    """Go to another page of the same place."""
    return HttpResponseRedirect(reverse(name, kwargs={**where, **more}))


def tell(request: TenantRequest, text: str, where: Mapping[str, str]) -> None:
    """Say on the next page what was done, with the way to what the trail says of this request."""
    entry = f"{reverse('audit', kwargs=dict(where))}?request_id={request_id(request)}"
    may_read = gate.allows(request.actor, Permission.AUDIT_READ)
    messages.success(request, text, extra_tags=entry if may_read else "")
