"""Making, changing and removing a stream: one form for each kind of target, with its guide."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render

from hq.lib.errors import Invalid, Refused
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from streams import actions, selectors
from streams.actions.streams import list_sent
from streams.forms import FORMS, StreamForm
from streams.models import Stream

KINDS = [
    (Stream.Kind.HTTPS.value, "HTTPS", "Splunk HEC, Elastic, Datadog, Sentinel, or an address of your own"),
    (Stream.Kind.SYSLOG.value, "Syslog over TLS", "rsyslog, syslog-ng, QRadar, ArcSight"),
    (Stream.Kind.S3.value, "S3", "A bucket of your own, in AWS or in another store"),
]
# What is copied into the other side, by kind.
RECIPES = {
    "syslog": 'module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")\n'
    'input(type="imtcp" port="6514")',
    "s3": '{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::BUCKET/PREFIX/*"}',
}


def new_stream(request: TenantRequest, kind: str = "https", **where: str) -> HttpResponse:
    """Make a stream. What its batches are signed with is on the answer to this form and never again."""
    selectors.require_both(request.actor)
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST if request.method == "POST" else None, logs=list_sent(request.actor))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_stream(
                actor=request.actor,
                name=data["name"],
                kind=kind,
                target=form.target,
                secret=form.secret,
                logs=data["logs"],
                begin=data["begin"],
                stream_id=data["once"],
            )
        except (Invalid, Refused) as problem:
            _blame(form, problem)
        else:
            if made.secret:
                return render(request, "streams/made.html", {"made": made})
            tell(request, f"{made.stream.name} is made, and begins within seconds.", where)
            return to("streams:stream", where, id=made.stream.id)
    context = {"form": form, "kind": kind, "kinds": KINDS, "recipe": RECIPES.get(kind, "")}
    return render(request, "streams/new.html", context, status=400 if form.errors else 200)


def change_stream(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Its name, its target, and what it sends. An empty secret stays as it is."""
    row = selectors.get_stream(request.actor, id)
    logs = [position.log for position in selectors.list_positions(row)]
    initial = {"name": row.name, "logs": logs, **row.target}
    given = request.POST if request.method == "POST" else None
    form = FORMS[row.kind](given, changes=True, initial=initial, logs=list_sent(request.actor))
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_stream(
                actor=request.actor,
                stream_id=id,
                name=form.cleaned_data["name"],
                target=form.target,
                secret=form.secret,
                logs=form.cleaned_data["logs"],
            )
        except (Invalid, Refused) as problem:
            _blame(form, problem)
        else:
            tell(request, f"{form.cleaned_data['name']} changed. The next batch goes there.", where)
            return to("streams:stream", where, id=id)
    context = {"form": form, "stream": row, "kind": row.kind, "recipe": RECIPES.get(row.kind, "")}
    return render(request, "streams/change.html", context, status=400 if form.errors else 200)


def remove_stream(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for its name before it removes."""
    row = selectors.get_stream(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == row.name.strip():
            actions.remove_stream(actor=request.actor, stream_id=id)
            tell(request, f"{row.name} removed. Nothing more is sent there.", where)
            return to("streams:list", where)
        wrong = True
    return render(request, "streams/remove.html", {"stream": row, "wrong": wrong}, status=400 if wrong else 200)


def _blame(form: StreamForm, problem: Invalid | Refused) -> None:
    """Put what is wrong beside its field, where the action says which one that is."""
    faults = getattr(problem, "errors", [])
    for fault in faults:
        name = fault["pointer"].rpartition("/")[2]
        form.add_error(name if name in form.fields else None, fault["detail"])
    if not faults:
        form.add_error(None, str(problem))
