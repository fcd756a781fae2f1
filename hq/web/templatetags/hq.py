"""The `hq` tag library: icons, states, times, fields and the larger parts. Markup stands in templates/components/.

Signatures with examples: docs/design.md. Nothing here writes a style attribute, a script or a data: address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms, template
from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.template.context import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from hq.web.templatetags import _charts, _diff, _fields, _samples, _text, _time

register = template.Library()

STATES = {
    "ok": "circle-check",
    "proven": "badge-check",
    "idle": "circle-dashed",
    "running": "refresh-cw",
    "due": "triangle-alert",
    "broken": "refused",
    "refused": "refused",
    "support": "headset",
}
TOAST_STATES = {"error": "refused", "warning": "due", "success": "ok", "info": "info", "debug": "info"}
ROLES = {"thead": "rowgroup", "tbody": "rowgroup", "tfoot": "rowgroup", "tr": "row", "td": "cell"}

register.filter("bytes", _text.size)
register.filter("number", _text.number)
register.filter("middle", _text.middle)
register.filter("file_icon", _text.file_icon)
register.filter("times", _text.times)
register.filter("browser", _text.browser)
register.filter("device", _text.device)
register.filter("short_hash", _charts.short_hash)

register.simple_tag(_samples.sample, name="sample")


@register.simple_tag
def icon(name: str, label: str = "", css: str = "", tone: str = "") -> SafeString:
    """A sprite icon; with a label it is read out, without one it is decoration. `tone` is a state's colour."""
    classes = " ".join(["hq-icon", f"hq-icon-{name}", *([f"hq-tone-{tone}"] if tone else []), *css.split()])
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="{}" viewBox="0 0 24 24" {}><use href="{}#{}"></use></svg>',
        classes,
        spoken,
        static("hq/icons.svg"),
        name,
    )


@register.simple_tag
def status(state: str, text: str, symbol: str = "") -> SafeString:
    """A state as icon and word. ok, proven, idle, refused, support: no fill; running, due, broken: tinted."""
    return format_html(
        '<span class="hq-badge is-{}">{}<span>{}</span></span>',
        state,
        icon(symbol or STATES.get(state, "circle-dashed"), tone=state),
        text,
    )


@register.inclusion_tag("components/hash.html")
def hash(value: object, full: bool = False, copy: bool = True, label: str = "fingerprint") -> dict[str, Any]:  # noqa: A001 - the tag's name
    """A hash as bars and 8 + 6 characters, with a copy button; `full` shows every character."""
    text = str(value)
    short = text if full else _charts.short_hash(text)
    return {"value": text, "short": short, "bars": _charts.hash_bars(text), "copy": copy, "label": label}


@register.inclusion_tag("components/copy_field.html")
def copy_field(value: object, label: str, note: str = "") -> dict[str, Any]:
    """A value to copy, shown whole. For a secret shown once, say so in `note`."""
    return {"value": str(value), "label": label, "note": note}


@register.inclusion_tag("components/fact.html")
def fact(label: str, value: object, note: object = "", state: str = "") -> dict[str, Any]:
    """One cell of a fact strip, inside <dl class="hq-facts">."""
    return {"label": label, "value": value, "note": note, "state": state, "symbol": STATES.get(state, "")}


@register.inclusion_tag("components/live.html", takes_context=True)
def live(context: Context, newest: object = 0) -> dict[str, object]:
    """Say how many events came after the newest one shown (static/hq/hq-live.js), and let the page listen for them."""
    if not settings.LIVE_URL or "organization" not in context:
        return {"source": ""}
    context["request"].listens = True  # hq.web.middleware.Headers adds that origin to the page's policy
    place = f"{context['organization']['slug']}/{context['environment']['name']}"
    return {"source": f"{settings.LIVE_URL}/live/{place}", "after": newest or 0}


@register.simple_tag
def kv(label: str, value: object) -> SafeString:
    """One row of a key-value list, inside <dl class="hq-kv">. An empty value reads as a dash."""
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", label, "–" if value in ("", None) else value)


@register.simple_tag
def paths(values: Sequence[object]) -> SafeString:
    """Names one below the other, for a key-value list."""
    return format_html_join(SafeString("<br>"), "{}", ((value,) for value in values))


@register.simple_tag
def crumb(text: str, url: str = "") -> SafeString:
    """One step of the breadcrumb; the last one has no address and is where you are."""
    if url:
        return format_html('<li><a href="{}">{}</a></li>', url, text)
    return format_html('<li><span aria-current="page">{}</span></li>', text)


@register.simple_tag(takes_context=True)
def moment(context: Context, value: datetime | date | None, style: str = "both") -> SafeString:
    """A time in the person's zone; the tooltip is always exact. Styles: both, near, exact, date, clock, time, ago."""
    if value is None:
        return SafeString("–")
    if not isinstance(value, datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), _time.long_date(value))
    now = timezone.now()
    at = _time.aware(value)
    local = at.astimezone(_time.zone_of(context.get("person")))
    text: str = _time.shown(local, style, now)
    if style == "both":
        text = format_html('{} <span class="hq-ink-3">{}</span>', text, _time.relative(at, now))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(timespec="seconds"), _time.full(local), text
    )


@register.simple_block_tag(takes_context=True)
def event(
    context: Context,
    content: str,
    symbol: str,
    at: datetime | None = None,
    *,
    detail: object = "",
    tone: str = "",
    style: str = "clock",
) -> SafeString:
    """One line of a timeline, inside <ol class="hq-timeline">; newest first."""
    when = moment(context, at, style) if at else ""
    values = {"content": content, "symbol": symbol, "detail": detail, "tone": tone, "when": when}
    return render_to_string("components/event.html", values)


@register.simple_block_tag
def note(content: str, state: str = "", symbol: str = "") -> SafeString:
    """A sentence that belongs to the page. States: none (information), due, broken, refused, running."""
    name = symbol or STATES.get(state, "info")
    return render_to_string("components/note.html", {"content": content, "state": state, "symbol": name})


@register.inclusion_tag("components/lifeline.html", takes_context=True)
def lifeline(context: Context, points: Sequence[object], now: datetime | None = None) -> dict[str, Any]:
    """A link's life on one line. Points have `at`, `kind` (created, opened, refused, spent, revoked, end), `label`."""
    zone = _time.zone_of(context.get("person"))
    return {"life": _charts.lifeline(points, now or timezone.now(), zone) if points else None}


@register.inclusion_tag("components/diff.html")
def diff(before: object, after: object) -> dict[str, Any]:
    """Before and after of an audit event: two mappings (or None), compared field by field."""
    return {"changes": _diff.changes(before, after)}


@register.inclusion_tag("components/progress.html")
def progress(done: int, total: int, label: str, state: str = "running", detail: str = "") -> dict[str, Any]:
    """Done of total with a bar. States: running, paused, failed, done. `detail`: rate, time left, failures."""
    return {"done": done, "total": total or 1, "of": total, "label": label, "state": state, "detail": detail}


@register.inclusion_tag("components/stepper.html")
def stepper(steps: Sequence[object]) -> dict[str, Any]:
    """Named stages: `title`, `result`, `state` (todo, now, done, failed)."""
    symbols = {"done": ("check", "proven"), "now": ("refresh-cw", "proven"), "failed": ("refused", "refused")}
    spoken = {"done": "Done", "now": "In progress", "failed": "Failed", "todo": "To do"}
    rows = []
    for step in steps:
        state = str(_charts.get(step, "state", "todo"))
        symbol, tone = symbols.get(state, ("", ""))
        row = {"title": _charts.get(step, "title"), "result": _charts.get(step, "result", ""), "state": state}
        rows.append({**row, "symbol": symbol, "tone": tone, "spoken": spoken.get(state, state)})
    return {"steps": rows}


@register.simple_block_tag
def proof(
    content: str,
    title: str,
    limits: str,
    *,
    state: str = "proven",
    download: str = "",
    check: str = "",
    file: str = "Proof",
) -> SafeString:
    """A proof panel around its steps. `limits` says what it does not show; it is not optional."""
    symbol = {"proven": "badge-check", "waiting": "hourglass", "failed": "refused"}.get(state, "badge-check")
    tone = {"proven": "proven", "waiting": "idle", "failed": "refused"}.get(state, "")
    values = {"content": content, "title": title, "limits": limits, "state": state, "symbol": symbol, "tone": tone}
    return render_to_string("components/proof.html", {**values, "download": download, "check": check, "file": file})


@register.inclusion_tag("components/danger.html", takes_context=True)
def danger(
    context: Context,
    title: str,
    text: str,
    action: str,
    verb: str,
    *,
    typed: str = "",
    refused: str = "",
    hint: str = "",
    name: str = "confirm",
    error: str = "",
) -> dict[str, Any]:
    """A danger zone: the loss in `text`, the name to type, the verb. `refused` says why it is not possible now."""
    values = {"title": title, "text": text, "action": action, "verb": verb, "typed": typed, "refused": refused}
    return {**values, "hint": hint, "name": name, "error": error, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("components/empty.html")
def empty(symbol: str, title: str, text: str = "", url: str = "", verb: str = "") -> dict[str, Any]:
    """An empty state: an icon, a sentence, one action."""
    return {"symbol": symbol, "title": title, "text": text, "url": url, "verb": verb}


@register.inclusion_tag("components/search.html")
def search(label: str, value: object = "", name: str = "q", shortcut: bool = True) -> dict[str, Any]:
    """The page's filter box; `/` goes to it."""
    return {"label": label, "value": value or "", "name": name, "shortcut": shortcut}


@register.inclusion_tag("components/choose.html", takes_context=True)
def choose(context: Context, name: str, label: str, options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """One `field: value` of a filter bar. The choice lives in the address; paging starts again."""
    request = context.get("request")
    query = request.GET.copy() if isinstance(request, HttpRequest) else None
    current = query.get(name, "") if query is not None else ""
    rows = []
    for value, text in [("", "any"), *options]:
        kept = (
            [(key, item) for key, values in query.lists() if key not in {name, "cursor"} for item in values]
            if query
            else []
        )
        pairs = [*kept, (name, value)] if value else kept
        rows.append({"text": text, "url": f"?{urlencode(pairs)}", "on": value == current})
    shown = next((row["text"] for row in rows if row["on"]), current)
    return {"label": label, "rows": rows, "shown": shown, "set": bool(current)}


@register.simple_block_tag
def selection(content: str) -> SafeString:
    """The bar that appears when rows are ticked, inside <hq-select>; its buttons belong to the form around it."""
    return render_to_string("components/selection.html", {"content": content})


@register.inclusion_tag("components/pager.html")
def pager(older: str = "", newer: str = "", text: str = "") -> dict[str, Any]:
    """Cursor links; an address that is empty has nothing behind it."""
    return {"older": older, "newer": newer, "text": text}


@register.inclusion_tag("components/strip.html")
def strip(days: Sequence[object], label: str = "Activity") -> dict[str, Any]:
    """Events a day above a line, refusals below, chain checks beneath, with a table twin.

    Days are oldest first: `date`, `events`, `refused`, `verified` (True, False, or None where nothing was due).
    """
    return {"chart": _charts.strip(days, timezone.localdate()), "label": label}


@register.simple_block_tag
def datatable(content: str, label: str, css: str = "", scroll: bool = False) -> SafeString:
    """A table with its roles restated, because rows become a grid on a small screen. Inside go thead and tbody."""

    def role(match: re.Match[str]) -> str:
        name, rest = match["name"], match["rest"]
        if "role=" in rest:
            return match[0]
        scope = "rowheader" if 'scope="row"' in rest else "columnheader"
        return f'<{name} role="{ROLES.get(name, scope)}"{rest}>'

    body = mark_safe(re.sub(r"<(?P<name>thead|tbody|tfoot|tr|td|th)(?P<rest>(?:\s[^<>]*)?)>", role, content))  # noqa: S308 - what comes in is escaped already
    table = format_html('<table class="hq-table {}" role="table" aria-label="{}">{}</table>', css, label, body)
    if not scroll:
        return table
    return format_html('<div class="hq-scroll" role="region" tabindex="0" aria-label="{}">{}</div>', label, table)


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField,
    style: str = "",
    label: str = "",
    help: str | None = None,
    optional: bool | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """A form field. `style` for choices: cards or segmented. Other names become attributes (`autofocus=True`).

    `optional=False` where a choice beside it decides whether it is needed: the form does not ask for it by itself, and
    whoever sees it has to fill it in.
    """
    shape = _fields.layout(bound)
    values: dict[str, Any] = {"field": bound, "shape": shape, "style": style, "id": bound.id_for_label or bound.auto_id}
    values["label"] = label or bound.label
    values["optional"] = not bound.field.required if optional is None else optional
    if help is not None:
        bound.help_text = help
    values["help"] = bound.help_text
    values["described"] = _fields.described_by(bound, shape)
    if shape == "choices":
        values["choices"] = _fields.choices(bound)
    else:
        values["widget"] = _fields.render_widget(bound, extra)
    return values


@register.inclusion_tag("components/fields.html")
def fields(form: forms.BaseForm) -> dict[str, Any]:
    """Every field of a form, in order."""
    return {"form": form}


@register.inclusion_tag("components/errors.html")
def errors(form: forms.BaseForm) -> dict[str, Any]:
    """What stands in the way, counted, each a link to its field. Nothing where nothing was refused."""
    return {"rows": _fields.summary(form) if form.is_bound else []}


@register.inclusion_tag("components/toast.html")
def toast(message: Message | Mapping[str, str]) -> dict[str, Any]:
    """A message. Its `extra_tags` may be "<address> <number>" of the audit entry it left."""
    text = str(_charts.get(message, "message", message))
    first, dot, rest = text.partition(". ")
    url, _, number = str(_charts.get(message, "extra_tags", "") or "").partition(" ")
    state = TOAST_STATES.get(str(_charts.get(message, "level_tag", "")), "ok")
    values = {"first": first + dot.strip(), "rest": rest, "state": state, "symbol": STATES.get(state, "info")}
    return {**values, "url": url if url.startswith("/") else "", "number": number}
