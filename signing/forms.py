"""Forms of the pages of agreements."""

from collections.abc import Sequence
from typing import Any

from django import forms

from hq.web.portal import OnceForm
from signing.actions.brand import COLOUR_DEFAULT
from signing.actions.templates import KEEP_MOST
from signing.actions.variables import VALUE_LENGTH
from signing.models.agreements import DAYS_DEFAULT, DAYS_MOST, MESSAGE_LENGTH, REASON_LENGTH, TITLE_LENGTH
from signing.models.signers import NAME_LENGTH
from signing.paper.text import CHARACTERS_MOST

SOURCES = [
    ("pdf", "Upload a PDF|You place its fields on the pages"),
    ("text", "Write it here|Markdown; markers say where to sign"),
]
DELEGATE = "A signer may hand it on to somebody else, who then signs in their place. Each step of that is kept."
NOTHING_CHOSEN = "Choose a PDF."


def _text(**more: Any) -> forms.CharField:
    """Markdown, as it was written: spaces at its ends belong to it."""
    area = forms.Textarea(attrs={"rows": 18, "class": "is-mono", "spellcheck": "true"})
    return forms.CharField(label="Text", max_length=CHARACTERS_MOST, strip=False, widget=area, **more)


class TitleForm(OnceForm):
    """What a new agreement is called."""

    title = forms.CharField(
        label="Title", max_length=TITLE_LENGTH, help_text="Encrypted. Whoever is asked to sign sees it in their mail."
    )


class NewForm(TitleForm):
    """A new agreement, of a PDF or of a text."""

    source = forms.ChoiceField(label="Document", choices=SOURCES, initial="pdf", widget=forms.RadioSelect)
    file = forms.FileField(label="PDF", required=False, help_text="25 MB and 500 pages at most.")
    text = _text(required=False)

    def clean(self) -> dict[str, Any]:
        """Add `content`, whichever it is."""
        data = super().clean() or self.cleaned_data
        if data.get("source") == "pdf":
            return _with_file(self, data)
        data["content"] = data.get("text", "").encode()
        if "source" in data and not data["content"].strip():
            self.add_error("text", "Write the text.")
        return data


class PdfForm(forms.Form):
    """Another PDF for a draft."""

    file = forms.FileField(label="PDF", required=False, help_text="25 MB and 500 pages at most. Its fields go.")

    def clean(self) -> dict[str, Any]:
        return _with_file(self, super().clean() or self.cleaned_data)


class TextForm(forms.Form):
    """Another text for a draft, or for a template."""

    text = _text()


def _with_file(form: forms.Form, data: dict[str, Any]) -> dict[str, Any]:
    if data.get("file"):
        data["content"] = data["file"].read()
    elif "file" not in form.errors:
        form.add_error("file", NOTHING_CHOSEN)
    return data


class TermsForm(forms.Form):
    """How an agreement goes out, and how long it may be signed."""

    title = forms.CharField(label="Title", max_length=TITLE_LENGTH)
    message = forms.CharField(
        label="Message",
        required=False,
        max_length=MESSAGE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Stands in the mail to whoever is asked, as you write it.",
    )
    days = forms.IntegerField(
        label="Can be signed for (days)",
        min_value=1,
        max_value=DAYS_MOST,
        initial=DAYS_DEFAULT,
        help_text="From when it is sent. Then it ends by itself.",
    )
    remind_every = forms.IntegerField(
        label="Remind every (days)", min_value=0, max_value=DAYS_MOST, initial=0, help_text="0: never by itself."
    )
    may_delegate = forms.BooleanField(label="Signers may hand it on", required=False, help_text=DELEGATE)


class TemplateForm(TermsForm):
    """A template's name and rules."""

    title = forms.CharField(label="Name", max_length=TITLE_LENGTH, help_text="What is made of it is called so too.")


class NameForm(forms.Form):
    """What a new template is called."""

    title = forms.CharField(label="Name", max_length=TITLE_LENGTH)


class KeepForm(forms.Form):
    """How long what came of a template stays."""

    keep_days = forms.IntegerField(
        label="Keep for (days)",
        required=False,
        min_value=1,
        max_value=KEEP_MOST,
        help_text="After an agreement has ended. Empty: for good.",
    )


class UseForm(TitleForm):
    """One use of a template: who plays each role, and what stands for each variable."""

    def __init__(self, *args: Any, roles: Sequence[str], variables: Sequence[dict[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.roles, self.names = roles, [one["name"] for one in variables]
        for number, role in enumerate(roles):
            self.fields[f"name_{number}"] = forms.CharField(label=f"{role}: name", max_length=NAME_LENGTH)
            self.fields[f"email_{number}"] = forms.EmailField(label=f"{role}: e-mail")
        for one in variables:
            self.fields[f"value_{one['name']}"] = forms.CharField(label=one["label"], max_length=VALUE_LENGTH)

    @property
    def people(self) -> list[tuple[str, str]]:
        data = self.cleaned_data
        return [(data[f"name_{number}"], data[f"email_{number}"]) for number in range(len(self.roles))]

    @property
    def values(self) -> dict[str, str]:
        return {name: self.cleaned_data[f"value_{name}"] for name in self.names}

    @property
    def parts(self) -> list[dict[str, Any]]:
        """For the page: each role with its two fields."""
        return [
            {"role": role, "name": self[f"name_{number}"], "email": self[f"email_{number}"]}
            for number, role in enumerate(self.roles)
        ]

    @property
    def asked(self) -> list[Any]:
        return [self[f"value_{name}"] for name in self.names]


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Why",
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Whoever was asked is told. It stays in the agreement’s chain.",
    )


class DaysForm(forms.Form):
    """How much longer."""

    days = forms.IntegerField(label="Days from now", min_value=1, max_value=DAYS_MOST, initial=14)


class CorrectForm(forms.Form):
    """Somebody's right name and address."""

    name = forms.CharField(label="Name", max_length=NAME_LENGTH)
    email = forms.EmailField(label="E-mail")


class TableForm(forms.Form):
    """A table of people."""

    file = forms.FileField(label="Table (CSV)", help_text="UTF-8, 500 rows at most. Nothing is sent by uploading it.")


class BrandForm(forms.Form):
    """A colour and a mark."""

    colour = forms.CharField(
        label="Colour",
        max_length=7,
        initial=COLOUR_DEFAULT,
        help_text="Such as #006368. It has to stand out from white by 4.5 to 1; the dark page gets a lighter one.",
    )
    mark = forms.FileField(
        label="Mark", required=False, help_text="A PNG, 48 kB at most. Shown 32 pixels high above the document."
    )
    remove_mark = forms.BooleanField(label="Show no mark", required=False)
