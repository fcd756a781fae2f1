"""What the portal's files pages are asked."""

from typing import Any

from django import forms

from hq.lib.errors import Problem
from hq.lib.paths import clean_prefix
from hq.web.portal import OnceForm

MOST_AT_ONCE = 200


class BrowseForm(forms.Form):
    """Where to look. `folder` ends with a slash or is empty, `q` begins names, `into` is a folder to step into."""

    folder = forms.CharField(required=False, max_length=4096, strip=False)
    q = forms.CharField(required=False, max_length=1024, strip=False)
    into = forms.CharField(required=False, max_length=255)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        folder, into, begins = (data.get(name, "") for name in ("folder", "into", "q"))
        if folder and not folder.endswith("/"):
            folder += "/"
        if into := into.strip("/"):
            folder = f"{folder}{into}/"
        try:
            clean_prefix(folder + begins)
            folder = clean_prefix(folder)
        except Problem as problem:
            raise forms.ValidationError(str(problem)) from problem
        return {"folder": folder, "q": begins, "into": into}


class ChosenForm(forms.Form):
    """What to do with the ticked files and folders. `delete` names one file, whatever is ticked: its row's button."""

    action = forms.ChoiceField(required=False, choices=[("share", "Share"), ("delete", "Delete")])
    delete = forms.CharField(required=False, max_length=4096, strip=False)
    folder = forms.CharField(required=False, max_length=4096, strip=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        only, ticked = data.get("delete"), dict.fromkeys(self.data.getlist("path"))  # type: ignore[attr-defined]
        paths = [only] if only else list(ticked)
        if not 1 <= len(paths) <= MOST_AT_ONCE:
            raise forms.ValidationError(f"Choose 1 to {MOST_AT_ONCE} files and folders.")
        if not (only or data.get("action")):
            raise forms.ValidationError("Choose what to do with them.")
        action = "delete" if only else data["action"]
        if action == "delete" and any(path.endswith("/") for path in paths):
            raise forms.ValidationError("A folder is there as long as a file is in it. Delete its files instead.")
        return {"action": action, "paths": paths, "folder": data.get("folder", "")}


class RestoreForm(forms.Form):
    """Which file, and which of its versions; without one, what was shown when it was deleted.

    `restore` says both as `3:claims/a`, whatever is ticked: the button in a version's row.
    """

    path = forms.CharField(required=False, max_length=4096, strip=False)
    version = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    restore = forms.CharField(required=False, max_length=4200, strip=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        path, version = data.get("path", ""), data.get("version")
        if both := data.get("restore"):
            number, _, path = both.partition(":")
            if not (number.isascii() and number.isdigit() and len(number) <= 9):
                raise forms.ValidationError("The version is a number.")
            version = int(number)
        if not path:
            raise forms.ValidationError("Choose a file.")
        return {"path": path, "version": version}


class SearchForm(forms.Form):
    """What names begin with, and below which folder."""

    q = forms.CharField(required=False, max_length=255, strip=False)
    folder = forms.CharField(required=False, max_length=4096, strip=False)

    def clean_folder(self) -> str:
        folder: str = self.cleaned_data["folder"]
        if folder and not folder.endswith("/"):
            folder += "/"
        try:
            return clean_prefix(folder)
        except Problem as problem:
            raise forms.ValidationError(str(problem)) from problem


class CredentialsForm(OnceForm):
    """What storage credentials are asked for."""

    paths = forms.CharField(
        label="Folders and files",
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="One in a line. A folder ends with a slash and gives what lies below it; / alone is everything.",
    )
    permission = forms.ChoiceField(
        label="They may",
        choices=[("read", "Read|List and download."), ("write", "Write|Store and delete, too, where you may.")],
        initial="read",
        widget=forms.RadioSelect,
    )
    life = forms.TypedChoiceField(
        label="They end after",
        coerce=int,
        choices=[(900, "15 minutes"), (3600, "1 hour"), (14_400, "4 hours"), (43_200, "12 hours")],
        initial=3600,
        widget=forms.RadioSelect,
    )

    def clean_paths(self) -> list[str]:
        lines = [line.strip("\r") for line in self.cleaned_data["paths"].split("\n")]
        return ["" if line == "/" else line for line in lines if line]
