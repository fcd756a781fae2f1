"""Rotating by hand, pausing and going on."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import NotFound, Refused
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from keys import actions, selectors
from keys.actions import NoRotation, RotationUnderWay, TooFarAlready
from keys.forms import RotateForm
from keys.models import Rotation


def rotate(request: TenantRequest, **where: str) -> HttpResponse:
    """Says what will happen, then starts it. Sent twice, it starts once."""
    gate.require(request.actor, Permission.KEYS_ROTATE)
    cmk = selectors.list_keys(request.actor).cmk
    if cmk is None:
        raise NotFound
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.rotate_key(actor=request.actor, key_id=cmk.id, reason=form.cleaned_data["reason"])
        except RotationUnderWay as refused:
            messages.warning(request, str(refused))
            return to("keys:list", where)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            tell(request, "Rotation started. It goes on when you leave this page.", where)
            return to("keys:list", where)
    protects = selectors.protected_by(selectors.list_held(request.actor).values())
    context = {"form": form, "key": cmk, "data_keys": selectors.count_data_keys(request.actor), "protects": protects}
    return render(request, "keys/rotate.html", context, status=400 if form.errors else 200)


@require_POST
def pause(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    told = "Rotation paused. Both versions stay readable until it goes on."
    return _change(request, partial(actions.pause_rotation, rotation_id=id), told, where)


@require_POST
def resume(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    return _change(request, partial(actions.resume_rotation, rotation_id=id), "Rotation goes on.", where)


@require_POST
def abandon(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Give up what has changed nothing yet."""
    return _change(request, partial(actions.abandon_rotation, rotation_id=id), "Given up. Nothing was changed.", where)


def _change(request: TenantRequest, verb: Callable[..., Rotation], told: str, where: dict[str, str]) -> HttpResponse:
    """Do it and say so, or say that the rotation has gone on meanwhile; either way the page of keys is next."""
    try:
        verb(actor=request.actor)
    except (NoRotation, TooFarAlready) as refused:
        messages.warning(request, str(refused))
    else:
        tell(request, told, where)
    return to("keys:list", where)
