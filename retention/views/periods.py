"""How long everything is kept, and changing what may be changed."""

from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db import retention
from hq.lib.errors import NotFound
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from retention import actions, selectors
from retention.actions import FixedPeriod
from retention.forms import PeriodForm


def overview(request: TenantRequest, **_: str) -> HttpResponse:
    """Every class of record, with how long it is kept here."""
    lines = selectors.list_classes(request.actor)
    context = {
        "lines": lines,
        "past": sum(line.past for line in lines),
        "kept_with": selectors.kept_with(),
        "holds": [hold for hold in selectors.list_holds(request.actor) if hold.lifted_at is None],
        "may_erase": gate.allows(request.actor, Permission.ORGANIZATION_ERASE),
    }
    return render(request, "retention/overview.html", context)


def change(request: TenantRequest, **where: str) -> HttpResponse:
    """One class of record, named in the address. Raises Denied, NotFound, FixedPeriod."""
    actor = request.actor
    gate.require(actor, Permission.RETENTION_CHANGE)
    try:
        record = retention.record_class(request.GET.get("name", ""))
    except LookupError:
        raise NotFound from None
    if not record.changeable:
        raise FixedPeriod
    now = retention.period(actor.organization_id, record.name)
    form = PeriodForm(request.POST or None, record=record, initial={"days": now.days if now else None})
    if request.method == "POST" and form.is_valid():
        days = form.cleaned_data["days"]
        actions.change_period(actor=actor, name=record.name, days=days)
        said = f"for {plural(days, 'day')}" if days else "for good"
        tell(request, f"{record.title} are kept {said}. What is past that goes with the next look.", where)
        return to("retention:overview", where)
    context = {"form": form, "record": record}
    return render(request, "retention/change.html", context, status=400 if form.errors else 200)
