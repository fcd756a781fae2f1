"""What the organization asks of its people: how it stands, a change, and what that change would do."""

from dataclasses import dataclass
from time import time
from typing import Any

from django.core import signing
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Denied
from hq.web.fresh import ask_for, proof_of
from hq.web.portal import person_of, tell, to
from hq.web.request import TenantRequest, source_ip
from tenants import registry, selectors
from tenants.actions.policy import PolicyChanged, PolicyRefused, review_policy
from tenants.actions.policy import change_policy as save_policy
from tenants.forms import COUNTING, REACH, SUPPORT, PolicyForm
from tenants.models import Membership, Policy
from tenants.selectors import Facts
from tenants.selectors.policy import SHOWN, Effect, Terms, Touch, get_policy, list_owners

_SALT, _DRAFT, _HOUR = "hq.policy", "hq.policy", 3600

# What a change does to whom: one of them, several of them, what comes of it, and what the last column holds.
TOLD = {
    Touch.NO_FACTOR: (
        "member has no second factor that counts",
        "members have no second factor that counts",
        "They are led to add one with their next page, and see nothing of the organization before.",
        "Role",
    ),
    Touch.ADDRESS: (
        "member has an address at another domain",
        "members have an address at another domain",
        "They stay members, but come in no more until their address is at an allowed domain.",
        "Role",
    ),
    Touch.SSO: (
        "member never came in by single sign-on",
        "members never came in by single sign-on",
        "They are led there with their next page. Whoever is unknown to the identity provider stays out.",
        "Role",
    ),
    Touch.NETWORK: (
        "open session was last used from elsewhere",
        "open sessions were last used from elsewhere",
        "Refused from there with the next page. They go on from an allowed network.",
        "Address",
    ),
    Touch.OVER: (
        "open session is older, or unused for longer",
        "open sessions are older, or unused for longer",
        "They are asked to sign in again with their next page.",
        "Address",
    ),
    Touch.FILES: (
        "member sees no file any more",
        "members see no file any more",
        "Their role opens files until now, and no access rule names them or a group of theirs.",
        "Role",
    ),
}

SECTIONS = [
    ("Second factor", ["Second factor", "What counts"]),
    ("Sessions", ["Unused sessions end", "Sessions end"]),
    ("From where, and who", ["Networks", "E-mail domains", "Single sign-on"]),
    ("Files and operators", ["What opens files", "Who lets operators in"]),
]


class DraftNotWhole(Denied):
    """This review is not whole, is older than an hour, or was somebody else's. Make the change again."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """What was reviewed, and what the policy was then; signed, so that nothing else is saved."""

    before: Terms
    wanted: Terms


def policy(request: TenantRequest, **_: str) -> HttpResponse:
    """How it stands now."""
    actor = request.actor
    terms = get_policy(actor)
    told = _told(terms, list_owners(actor))
    context = {
        "terms": terms,
        "told": told,
        "count": len(terms.networks),
        "sections": [(title, [(name, told[name]) for name in names]) for title, names in SECTIONS],
        "may_change": gate.allows(actor, Permission.POLICY_CHANGE),
        "may_audit": gate.allows(actor, Permission.AUDIT_READ),
    }
    return render(request, "tenants/policy.html", context)


def change_policy(request: TenantRequest, **where: str) -> HttpResponse:
    """The form; what it asks for is reviewed, and what was reviewed is saved."""
    gate.require(request.actor, Permission.POLICY_CHANGE)
    if "reviewed" in request.POST:
        return _save(request, where)
    if request.method == "POST":
        return _review(request)
    if draft := _kept(request):
        return _show(request, draft.wanted)
    return render(request, "tenants/policy_change.html", {"form": _form(request)})


def _kept(request: TenantRequest) -> _Draft | None:
    """What they were about to save here when they were asked to confirm that it is they. It is taken up once."""
    try:
        return _draft_of(request, request.session.pop(_DRAFT, ""))
    except DraftNotWhole:  # none, another organization's, or too old
        return None


def _form(request: TenantRequest, **more: Any) -> PolicyForm:
    actor = request.actor
    sso = bool(registry.sso_address(actor.organization_id))
    return PolicyForm(
        more.pop("data", None), terms=get_policy(actor), owners=list_owners(actor), sso=sso, auto_id="id_%s", **more
    )


def _review(request: TenantRequest) -> HttpResponse:
    form = _form(request, data=request.POST)
    if not form.is_valid():
        return render(request, "tenants/policy_change.html", {"form": form}, status=400)
    return _show(request, form.terms(), form)


def _show(request: TenantRequest, wanted: Terms, form: PolicyForm | None = None, *, late: bool = False) -> HttpResponse:
    """What the change would do; or the form again, with what stands in the way."""
    actor = request.actor
    try:
        review = review_policy(actor=actor, wanted=wanted, facts=_facts(request))
    except PolicyRefused as refused:
        return _refused(request, form or _form(request, initial=_initial(wanted)), refused)
    owners = list_owners(actor)
    context = {
        "before": _told(review.before, owners),
        "after": _told(wanted, owners),
        "same": review.before == wanted,
        "effects": [_effect(effect) for effect in review.effects],
        "shown": SHOWN,
        "late": late,
        "draft": _signed(request, _Draft(review.before, wanted)),
    }
    return render(request, "tenants/policy_review.html", context, status=409 if late else 200)


def _save(request: TenantRequest, where: dict[str, str]) -> HttpResponse:
    """Raises DraftNotWhole, NotFresh."""
    sealed = request.POST["reviewed"]
    draft, proof = _draft_of(request, sealed), proof_of(request)
    if not proof.fresh:
        request.session[_DRAFT] = sealed
        return ask_for(proof)
    try:
        save_policy(actor=request.actor, reviewed=draft.before, wanted=draft.wanted, facts=_facts(request))
    except PolicyChanged:
        return _show(request, draft.wanted, late=True)
    except PolicyRefused as refused:
        return _refused(request, _form(request, initial=_initial(draft.wanted)), refused)
    tell(request, "Policy saved. It holds from the next page on, for everybody.", where)
    return to("policy", where)


def _refused(request: TenantRequest, form: PolicyForm, refused: PolicyRefused) -> HttpResponse:
    """The form with what was asked for, and each fault at its field."""
    if not form.is_bound:
        form = _form(request, data=form.initial)
    for name, fault in refused.faults.items():
        form.add_error(name if name in form.fields else None, fault)
    return render(request, "tenants/policy_change.html", {"form": form}, status=400)


def _initial(terms: Terms) -> dict[str, Any]:
    return terms.plain() | {"networks": "\n".join(terms.networks), "email_domains": "\n".join(terms.email_domains)}


def _facts(request: TenantRequest) -> Facts:
    person = person_of(request)
    return selectors.facts_of(
        request.session,
        person_id=person.pk,
        email=person.email,
        organization_id=request.actor.organization_id,
        at=int(time()),
        ip=source_ip(request),
        seen_at=0,
        connection=registry.sso_connection,
    )


# ---- what was reviewed is what is saved


def _signed(request: TenantRequest, draft: _Draft) -> str:
    content = {"before": draft.before.plain(), "wanted": draft.wanted.plain(), "for": _whose(request)}
    return signing.dumps(content, salt=_SALT)


def _draft_of(request: TenantRequest, sealed: str) -> _Draft:
    try:
        content = signing.loads(sealed, salt=_SALT, max_age=_HOUR)
    except signing.BadSignature:
        raise DraftNotWhole from None
    if content["for"] != _whose(request):
        raise DraftNotWhole
    return _Draft(Terms.read(content["before"]), Terms.read(content["wanted"]))


def _whose(request: TenantRequest) -> list[str]:
    return [str(request.actor.organization_id), str(request.actor.id)]


# ---- in words


def _effect(effect: Effect) -> dict[str, Any]:
    one, several, comes_of_it, column = TOLD[effect.kind]
    words = one if effect.count == 1 else several
    return {"effect": effect, "title": f"{effect.count:,} {words}", "text": comes_of_it, "column": column}


def _told(terms: Terms, owners: list[Membership]) -> dict[str, str]:
    """Each part of a policy, as people read it."""
    factors = " or ".join(text.lower() for kind, text in COUNTING if kind in terms.mfa_factors)
    provider = ", or the identity provider’s own" if terms.mfa_by_provider else ""
    owner = next((one.user.label for one in owners if one.user_id == terms.break_glass_id), "a former owner")
    return {
        "Second factor": "Required" if terms.mfa_required else "Not required",
        "What counts": f"{factors[:1].upper()}{factors[1:]}{provider}",
        "Unused sessions end": _after(terms.idle_minutes, "After 12 hours"),
        "Sessions end": _after(terms.lifetime_minutes, "Not while they are used"),
        "Networks": ", ".join(terms.networks) or "Anywhere",
        "E-mail domains": ", ".join(terms.email_domains) or "Any",
        "Single sign-on": f"Required, except for {owner}" if terms.sso_required else "Not required",
        "What opens files": dict(REACH)[Policy.Reach(terms.reach)].partition("|")[0],
        "Who lets operators in": dict(SUPPORT)[Policy.Support(terms.support_by)].partition("|")[0],
    }


def _after(minutes: int | None, otherwise: str) -> str:
    if minutes is None:
        return otherwise
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' if hours > 1 else ''}"] if hours else []
    return "After " + " ".join([*parts, *([f"{rest} minute{'s' if rest > 1 else ''}"] if rest else [])])
