"""What every form of a trust asks for, whatever the platform."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.core import signing

from hq.authz.permissions import AUTH_METHODS, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, addable
from hq.lib.text import NO_CONTROL
from hq.lib.workload_tokens import MOST_CHARACTERS, ClaimValue
from hq.web.portal import OnceForm
from workloads.models import LONGEST_SECONDS

_SALT = "hq.workloads.seen"
_EXACT = {"class": "is-mono", "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
LIVES = (60, 300, 600, LONGEST_SECONDS)
# What rules and the role of a service account can give it, less what no workload may exercise.
SCOPES = {
    scope: told
    for scope, told in {
        Permission.OBJECTS_READ: "Read files",
        Permission.OBJECTS_WRITE: "Store files",
        Permission.OBJECTS_DELETE: "Delete files",
        Permission.JOBS_READ: "Follow jobs",
        Permission.ORGANIZATION_READ: "See the organization",
    }.items()
    if AuthMethod.WORKLOAD in AUTH_METHODS[scope]
    and scope in GRANTS[Role.SERVICE_ACCOUNT] | addable(Role.SERVICE_ACCOUNT)
}


def text(
    label: str,
    help_text: str = "",
    *,
    most: int = 255,
    pattern: str = NO_CONTROL,
    wrong: str = "Control characters are not taken.",
    required: bool = True,
) -> forms.CharField:
    """One line of the platform's own, taken exactly as it is."""
    return forms.RegexField(
        pattern,
        label=label,
        max_length=most,
        required=required,
        help_text=help_text,
        error_messages={"invalid": wrong},
        widget=forms.TextInput(attrs=_EXACT),
    )


def lines(label: str, help_text: str = "", *, most: int, rows: int, required: bool = False) -> forms.CharField:
    """Several lines, taken exactly as they are."""
    return forms.CharField(
        label=label,
        max_length=most,
        required=required,
        help_text=help_text,
        widget=forms.Textarea(attrs={**_EXACT, "rows": rows}),
    )


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which tokens are taken: all of it exact. `keys`: those that were pasted."""

    issuer: str
    subject: str
    audience: str
    claims: Mapping[str, ClaimValue] = field(default_factory=dict)
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A service account that may be chosen."""

    id: UUID
    name: str


def told_life(seconds: int) -> str:
    """`15 min`, `90 s`."""
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


class TrustForm(OnceForm):
    """The fields of one platform stand between the name and what a token is given for."""

    name = forms.RegexField(NO_CONTROL, label="Name", max_length=80, help_text="What uses it, such as nightly-build.")
    audience = text(
        "Audience", "What the token is asked for, exactly. HQ’s own address keeps it from being of use elsewhere."
    )
    service_account = forms.ChoiceField(label="Acts as")
    scopes = forms.MultipleChoiceField(
        label="Scopes",
        widget=forms.CheckboxSelectMultiple,
        initial=[Permission.OBJECTS_READ.value],
        help_text="At most this. The service account’s role and access rules still decide on each file.",
    )
    seconds = forms.TypedChoiceField(
        label="HQ’s token works for", coerce=int, widget=forms.RadioSelect, initial=LONGEST_SECONDS
    )
    single_use = forms.BooleanField(
        label="Take each token once", required=False, help_text="A second exchange of the same token is refused."
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    # Fields of the platform, for the template; and whether its tokens have an id and are asked for anew each time.
    own: Sequence[str] = ()
    asks_anew = False

    def __init__(self, *args: Any, accounts: Sequence[Account], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("audience", settings.BASE_URL)
        self.initial.setdefault("single_use", self.asks_anew)
        kept = self.initial.get("seconds")
        lives = sorted({*LIVES, *([kept] if kept else [])})
        self._choose("seconds", [(str(life), told_life(life)) for life in lives])
        self._choose("scopes", [(scope.value, f"{told}|{scope.value}") for scope, told in SCOPES.items()])
        self._choose("service_account", [(str(each.id), each.name) for each in accounts])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        """The fields that say these conditions, if this platform's fields can: written back, they are the same."""
        raise NotImplementedError

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        """The conditions that fields say, once they are clean."""
        raise NotImplementedError

    @property
    def conditions(self) -> Conditions:
        return self.write(self.cleaned_data)

    # ---- what was looked at before it was agreed to

    @property
    def described(self) -> str:
        """A digest of everything that decides what is accepted and what it is given for."""
        data = self.cleaned_data
        chosen = [data["service_account"], sorted(data["scopes"]), data["seconds"], data["single_use"]]
        whole = json.dumps([asdict(self.conditions), chosen], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    @property
    def was_seen(self) -> bool:
        """Whether this, exactly, was shown as what is accepted."""
        try:
            seen: str = signing.loads(self.cleaned_data["seen"], salt=_SALT, max_age=86_400)
        except signing.BadSignature:
            return False
        return seen == self.described

    @property
    def mark(self) -> str:
        """What the next sending carries, to say that this was shown."""
        return signing.dumps(self.described, salt=_SALT)

    @property
    def scopes_chosen(self) -> frozenset[Permission]:
        return frozenset(Permission(scope) for scope in self.cleaned_data["scopes"])


class _Unshown(forms.Textarea):
    """Comes back empty, as the field of a password does."""

    def format_value(self, value: Any) -> str | None:
        return None


class TokenForm(forms.Form):
    """A token to try. It is never sent back: neither the form as it returns nor a page holds it."""

    token = forms.CharField(
        label="Token",
        max_length=MOST_CHARACTERS,
        help_text="A JSON Web Token of the platform: three parts with dots between. It is checked and forgotten.",
        widget=_Unshown(attrs={**_EXACT, "rows": 6}),
    )
