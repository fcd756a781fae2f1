"""Forms of API keys."""

from typing import Any, cast

from django import forms

from hq.authz.actor import Actor
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role, addable
from hq.lib.errors import Invalid
from hq.lib.text import NO_CONTROL
from hq.web.portal import OnceForm
from tenants.actions.api_keys import clean_networks

# What a key may be given, as people read it. A scope that is missing here fails the tests.
SCOPE_GROUPS: dict[str, dict[Permission, str]] = {
    "Files and links": {
        Permission.OBJECTS_READ: "Open and list files.",
        Permission.OBJECTS_WRITE: "Store and replace files.",
        Permission.OBJECTS_DELETE: "Delete files.",
        Permission.SHARES_READ: "See links and what was tried on them.",
        Permission.SHARES_CREATE: "Make links.",
        Permission.SHARES_REVOKE: "End links.",
    },
    "Organization": {
        Permission.ORGANIZATION_READ: "See what it is called, and its environments.",
        Permission.JOBS_READ: "See how far slow work is.",
        Permission.MEMBERS_READ: "See people and invitations.",
        Permission.MEMBERS_INVITE: "Invite people.",
        Permission.MEMBERS_CHANGE_ROLE: "Give people other roles.",
        Permission.MEMBERS_REMOVE: "Remove people.",
        Permission.ACCESS_READ: "See groups and access rules.",
        Permission.ACCESS_CHANGE: "Change groups, rules and service accounts.",
    },
    "Machines": {
        Permission.API_KEYS_READ: "See keys and their use.",
        Permission.API_KEYS_CREATE: "Make and rotate keys, itself too.",
        Permission.API_KEYS_REVOKE: "Revoke keys.",
        Permission.WEBHOOKS_MANAGE: "Make and change webhooks.",
    },
    "Evidence and encryption": {
        Permission.AUDIT_READ: "Read the audit trail.",
        Permission.AUDIT_VERIFY: "Verify the chain.",
        Permission.KEYS_READ: "See encryption keys.",
        Permission.KEYS_ROTATE: "Rotate encryption keys.",
    },
}
_FILES = frozenset(SCOPE_GROUPS["Files and links"])
_SEEN = frozenset({Permission.OBJECTS_READ, Permission.SHARES_READ, Permission.ORGANIZATION_READ, Permission.JOBS_READ})
PRESETS = {
    "read": ("Read files and links", _SEEN),
    "write": ("Read and write files and links", _SEEN | _FILES),
    "all": ("Everything", SCOPES),
}
GRACES = [
    ("72", "72 hours|Time to switch whatever uses it, over a weekend too."),
    ("168", "7 days|For many places, or somebody who is away."),
    ("24", "24 hours|For one place that you can reach today."),
    ("1", "1 hour|For a switch that you make now."),
    ("0", "Not at all|It ends at once, and whatever uses it stops until it has the new one."),
]
LIVES = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "Does not expire")]


class ApiKeyForm(OnceForm):
    name = forms.RegexField(NO_CONTROL, label="Name", max_length=80, help_text="What uses it, such as nightly-backup.")
    scopes = forms.MultipleChoiceField(label="Scopes", widget=forms.CheckboxSelectMultiple)
    networks = forms.CharField(
        label="Networks that it is accepted from",
        required=False,
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
    )
    life = forms.ChoiceField(
        label="Expires after", choices=LIVES, required=False, initial="90", widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, actor: Actor, for_machine: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = SCOPES & (actor.permissions | actor.within)
        if for_machine:
            own &= GRANTS[Role.SERVICE_ACCOUNT] | addable(Role.SERVICE_ACCOUNT)
        given = [
            (title, {one: told for one, told in group.items() if one in own}) for title, group in SCOPE_GROUPS.items()
        ]
        self.presets = [(key, title, sorted(own & some)) for key, (title, some) in PRESETS.items()]
        cast("forms.ChoiceField", self.fields["scopes"]).choices = [
            (scope.value, scope.value) for _, group in given for scope in group
        ]
        self.grouped = [(title, list(group.values())) for title, group in given]
        lines = "One a line, such as 203.0.113.0/24. Without one, it is accepted from everywhere."
        address = f" You are at {actor.origin.ip} now." if actor.origin.ip else ""
        self.fields["networks"].help_text = lines + address

    def clean_scopes(self) -> frozenset[Permission]:
        return frozenset(Permission(scope) for scope in self.cleaned_data["scopes"])

    def clean_networks(self) -> list[str]:
        try:
            return clean_networks([line for line in self.cleaned_data["networks"].splitlines() if line.strip()])
        except Invalid as refused:
            raise forms.ValidationError(str(refused)) from None

    def scope_groups(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """The boxes below the title of their group, in the order of the field's own choices."""
        boxes = iter(self["scopes"])
        return [(title, [_box(next(boxes), told) for told in group]) for title, group in self.grouped if group]


def _box(box: Any, told: str) -> dict[str, Any]:
    return {"id": box.id_for_label, "value": box.data["value"], "checked": box.data["selected"], "note": told}


class RotateForm(OnceForm):
    grace = forms.TypedChoiceField(
        label="The old key works for", choices=GRACES, coerce=int, initial="72", widget=forms.RadioSelect
    )
