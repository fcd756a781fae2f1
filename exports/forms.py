"""Forms of exports."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from exports.actions import NoRecipient, by_key
from exports.actions.recipients import LONGEST
from hq.lib.text import NO_CONTROL

PASSPHRASE, KEY = "passphrase", "key"
WAYS = [
    (PASSPHRASE, "A passphrase|You choose it now, and HQ does not keep it. Without it nobody opens the export."),
    (KEY, "Your public key|Of age or SSH. Only whoever has the secret half opens the export."),
]
MOST_CHARACTERS, FEWEST_DIFFERENT = 200, 8


class ExportForm(forms.Form):
    """For whom it is encrypted. Sent twice, the second meets the first: there is one under way at a time."""

    way = forms.ChoiceField(label="What opens it", choices=WAYS, initial=PASSPHRASE, widget=forms.RadioSelect)
    passphrase = forms.RegexField(
        NO_CONTROL,
        label="Passphrase",
        max_length=MOST_CHARACTERS,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="12 characters or more. Several words that do not belong together are best.",
    )
    again = forms.CharField(
        label="Passphrase, again",
        max_length=MOST_CHARACTERS,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    key = forms.CharField(
        label="Public key",
        max_length=LONGEST,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off", "class": "is-mono"}),
        help_text="It begins with age1, ssh-ed25519 or ssh-rsa.",
    )

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._person = person

    def clean(self) -> dict[str, Any]:
        """What the chosen way asks for, and nothing of the other."""
        found: dict[str, Any] = super().clean() or {}
        way = found.get("way")
        if way == KEY and "key" not in self.errors:
            try:
                by_key(found.get("key", ""))
            except NoRecipient as refused:
                self.add_error("key", str(refused))
        if way == PASSPHRASE and "passphrase" not in self.errors:
            self._check(found.get("passphrase", ""), found.get("again", ""))
        return found

    def _check(self, passphrase: str, again: str) -> None:
        try:
            validate_password(passphrase, self._person)
        except forms.ValidationError as weak:
            self.add_error("passphrase", [text.replace("password", "passphrase") for text in weak.messages])
            return
        if len(set(passphrase)) < FEWEST_DIFFERENT:
            self.add_error("passphrase", f"It has fewer than {FEWEST_DIFFERENT} different characters.")
        elif passphrase != again:
            self.add_error("again", "This is not the same passphrase.")


class WholeForm(ExportForm):
    """Of an organization: what beside the files that are there now."""

    all_versions = forms.BooleanField(
        label="Older versions too", required=False, help_text="Every version of each file, not only the current one."
    )
    deleted = forms.BooleanField(
        label="Deleted files too", required=False, help_text="What can still be brought back from the list of them."
    )


class FileForm(forms.Form):
    """Which file of which export; 0 is what a passphrase opens."""

    export = forms.UUIDField(error_messages={"required": "Say which export.", "invalid": "There is no such export."})
    number = forms.IntegerField(min_value=0, max_value=1_000_000, required=False)


class RemoveForm(forms.Form):
    export = forms.UUIDField(error_messages={"required": "Say which export.", "invalid": "There is no such export."})
