"""One form field as HQ shows it: label, help, a bracket and a sentence when it was refused."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField

PLAIN = "form-control"


def layout(field: BoundField) -> str:
    """Which of the field template's shapes fits the widget."""
    widget = field.field.widget
    if isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return "choices"
    if isinstance(widget, forms.CheckboxInput):
        return "check"
    return "hidden" if field.is_hidden else "box"


def css_class(widget: forms.Widget) -> str:
    """The control's class, beside any the form gave it."""
    if isinstance(widget, (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple)):
        own = "form-check-input"
    elif isinstance(widget, forms.Select) and not getattr(widget, "allow_multiple_selected", False):
        own = "form-select"
    else:
        own = PLAIN
    return f"{own} {widget.attrs.get('class', '')}".strip()


def described_by(field: BoundField, layout_: str) -> str:
    """Ids of the help and the error, in reading order; a group carries them on its fieldset."""
    del layout_
    ids = []
    if field.errors:
        ids.append(f"{field.id_for_label or field.auto_id}-error")
    if field.help_text:
        ids.append(f"{field.id_for_label or field.auto_id}-help")
    return " ".join(ids)


def widget_attributes(field: BoundField, extra: dict[str, Any]) -> dict[str, Any]:
    """Attributes of the control. A placeholder that repeats the label is dropped: the label already says it."""
    shape = layout(field)
    attributes: dict[str, Any] = {"class": css_class(field.field.widget)}
    if shape != "choices":
        attributes["aria-describedby"] = described_by(field, shape) or None
        attributes["aria-invalid"] = "true" if field.errors else None
    attributes["placeholder"] = extra.pop("placeholder", None)
    attributes.update({name.replace("_", "-"): value for name, value in extra.items()})
    return attributes


def render_widget(field: BoundField, extra: dict[str, Any]) -> str:
    """The control's markup. Attributes set to None must vanish, so the form's own copy is put aside meanwhile."""
    widget = field.field.widget
    attributes = widget_attributes(field, extra)
    kept = dict(widget.attrs)
    widget.attrs = {name: value for name, value in kept.items() if name not in {"class", "placeholder"}}
    try:
        return field.as_widget(attrs={name: value for name, value in attributes.items() if value is not None})
    finally:
        widget.attrs = kept


def choices(field: BoundField) -> list[dict[str, Any]]:
    """Radio buttons or check boxes, one by one. A label may be "Word|explanation"."""
    rows = []
    for option in field:
        text, _, note = str(option.choice_label).partition("|")
        data = option.data
        rows.append(
            {
                "id": option.id_for_label,
                "type": data["type"],
                "name": data["name"],
                "value": data["value"],
                "checked": bool(data["selected"]),
                "disabled": bool(data["attrs"].get("disabled")),
                "text": text,
                "note": note,
            }
        )
    return rows


def summary(form: forms.BaseForm) -> list[dict[str, str]]:
    """Every error once, with the id of the control it belongs to; form-wide errors have none."""
    rows = [{"target": "", "text": str(error)} for error in form.non_field_errors()]
    for name, errors in form.errors.items():
        if name in form.fields:
            field = form[name]
            target = field.id_for_label or field.auto_id
            if layout(field) == "choices":
                target = f"{field.auto_id}_0"
            rows += [{"target": target, "text": f"{field.label}: {error}"} for error in errors]
    return rows
