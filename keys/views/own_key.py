"""Bringing one's own key in AWS KMS, and going back. AWS is asked outside of every transaction."""

import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.guards import AWS_REGION
from hq.lib.errors import NotFound, Refused
from hq.web.portal import own_context, tell, to
from hq.web.request import TenantRequest
from keys import actions, selectors
from keys.actions import KeyNotFit, RotationUnderWay
from keys.forms import OwnKeyForm, RotateForm
from keys.models import Cmk
from keys.providers import Finding, ProviderError
from keys.providers.words import KEPT_IN
from keys.views import told

USES = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey"]
LOOKS = ["kms:DescribeKey", "kms:ListResourceTags", "kms:ListGrants"]
DEPLOYMENT = "Whoever runs this deployment gives HQ credentials for AWS and sets HQ_KMS_REGION. Nothing was changed."


def policy(organization_id: object) -> str:
    """What the customer adds to the key's policy. Its condition holds HQ to this organization's data keys."""
    role = {"AWS": "arn:aws:iam::HQ-ACCOUNT:role/HQ-ROLE"}
    bound = {"StringEquals": {"kms:EncryptionContext:hq:organization": str(organization_id)}}
    statements = [
        {
            "Sid": "HQUsesTheKey",
            "Effect": "Allow",
            "Principal": role,
            "Action": USES,
            "Resource": "*",
            "Condition": bound,
        },
        {"Sid": "HQLooksAtTheKey", "Effect": "Allow", "Principal": role, "Action": LOOKS, "Resource": "*"},
    ]
    return json.dumps(statements, indent=2)


@own_context
def bring(request: TenantRequest, **where: str) -> HttpResponse:
    """Steps, then a look at the key that changes nothing, then the move."""
    actor = request.actor
    gate.require(actor, Permission.KEYS_MOVE)
    form = OwnKeyForm(request.POST if request.method == "POST" else None)
    findings: Sequence[Finding] = ()
    if request.method == "POST" and form.is_valid():
        ref, reason = form.cleaned_data["ref"].strip(), form.cleaned_data["reason"]
        try:
            if request.POST.get("action") == "move":
                actions.bring_key(actor=actor, ref=ref, reason=reason)
                tell(request, "The move to your key has started. It goes on when you leave this page.", where)
                return to("keys:list", where)
            findings = actions.examine_own_key(actor=actor, ref=ref)
        except KeyNotFit as refused:
            findings = refused.findings
        except ProviderError as refused:
            form.add_error("ref", f"{refused} {DEPLOYMENT}")
        except Refused as refused:
            form.add_error("ref", str(refused))
    with tenant(actor.organization_id):
        context = _where_now(request) | {
            "form": form,
            "findings": findings,
            "fit": bool(findings) and all(finding.ok for finding in findings),
            "policy": policy(actor.organization_id),
            "organization_id": str(actor.organization_id),
            "region": settings.KMS_REGION if AWS_REGION.fullmatch(settings.KMS_REGION) else "",
        }
        bad = form.errors or (findings and not context["fit"])
        return render(request, "keys/bring.html", context, status=400 if bad else 200)


def _where_now(request: TenantRequest) -> dict[str, Any]:
    line = selectors.list_keys(request.actor).cmk
    if line is None:
        raise NotFound
    cmk: Cmk = selectors.get_key(request.actor, line.id)
    place, note = told.place_of(cmk)
    protects = selectors.protected_by(selectors.list_held(request.actor).values())
    return {"cmk": cmk, "place": place, "place_note": note, "protects": protects}


@own_context
def give_back(request: TenantRequest, **where: str) -> HttpResponse:
    """Return to a key that HQ keeps: a new one."""
    actor = request.actor
    gate.require(actor, Permission.KEYS_MOVE)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.return_key(actor=actor, reason=form.cleaned_data["reason"])
        except RotationUnderWay as refused:
            messages.warning(request, str(refused))
            return to("keys:list", where)
        except (Refused, ProviderError) as refused:
            form.add_error(None, str(refused))
        else:
            tell(request, "The way back has started. It goes on when you leave this page.", where)
            return to("keys:list", where)
    with tenant(actor.organization_id):
        context = _where_now(request) | {
            "form": form,
            "home": KEPT_IN.get(settings.KEY_PROVIDER, settings.KEY_PROVIDER),
        }
        return render(request, "keys/give_back.html", context, status=400 if form.errors else 200)
