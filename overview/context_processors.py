"""What the frame of every portal page shows: where you are, where you can go, whether the trail is whole."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from audit import selectors as trail
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.web.portal import person_of
from retention.selectors import waiting_erasure
from tenants import selectors

# title, then (title, icon, address name, then permissions of which any, held anywhere, shows it)
GROUPS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("", [("Overview", "layout-dashboard", "overview", Permission.ORGANIZATION_READ)]),
    ("Vault", [("Files", "folder", "vault:browse", Permission.OBJECTS_READ)]),
    (
        "Exchange",
        [
            ("Share links", "link", "sharing:list", Permission.SHARES_READ),
            ("Upload requests", "inbox", "sharing:requests", Permission.SHARES_READ),
            ("Sharing rules", "list-checks", "sharing:rules", Permission.SHARES_READ),
            ("Agreements", "pen-line", "signing:list", Permission.SHARES_READ),
            ("Artifacts", "globe", "artifacts:list", Permission.SHARES_READ),
        ],
    ),
    (
        "Evidence",
        [
            ("Audit trail", "scroll-text", "audit", Permission.AUDIT_READ),
            ("Integrity", "badge-check", "integrity", Permission.AUDIT_READ),
            ("Encryption keys", "key-round", "keys:list", Permission.KEYS_READ),
        ],
    ),
    (
        "Organization",
        [
            ("People and access", "users", "people", Permission.MEMBERS_READ),
            ("Access rules", "lock-open", "access", Permission.ACCESS_READ, Permission.ACCESS_CHANGE),
            ("Groups", "layers", "groups", Permission.ACCESS_READ),
            ("Service accounts", "bot", "service_accounts", Permission.ACCESS_READ),
            ("API keys", "square-terminal", "api_keys", Permission.API_KEYS_READ),
            ("Workloads", "server", "workloads:list", Permission.API_KEYS_READ),
            ("Webhooks", "webhook", "webhooks:list", Permission.WEBHOOKS_MANAGE),
            ("Streams", "activity", "streams:list", Permission.WEBHOOKS_MANAGE),
            ("Retention", "hourglass", "retention:overview", Permission.RETENTION_CHANGE),
            ("Support access", "headset", "support", Permission.SUPPORT_DECIDE),
            ("Policy", "list-checks", "policy", Permission.IDENTITY_READ),
            ("Single sign-on", "fingerprint-pattern", "directory:sso", Permission.IDENTITY_READ),
            ("Directory sync", "refresh-cw", "directory:scim", Permission.IDENTITY_READ),
            ("Export", "file-archive", "exports:whole", Permission.ORGANIZATION_EXPORT),
        ],
    ),
]

# title, icon, address name
OPERATOR_ROOMS = [
    ("Organizations", "building-2", "console:organizations"),
    ("Support access", "headset", "console:access"),
    ("Jobs", "list-checks", "console:jobs"),
    ("Deployment’s trail", "scroll-text", "console:trail"),
]


def _navigation(request: HttpRequest, actor: Actor, where: dict[str, str]) -> list[dict[str, Any]]:
    """The groups that have a page this person may open. The longest address that fits is the current one."""
    groups: list[dict[str, Any]] = []
    for title, items in GROUPS:
        shown: list[dict[str, Any]] = [
            {"title": text, "icon": icon, "url": reverse(name, kwargs=where)}
            for text, icon, name, *permissions in items
            if any(gate.reaches(actor, permission) for permission in permissions)
        ]
        if shown:
            groups.append({"title": title, "items": shown})
    _mark(request, [item for group in groups for item in group["items"]], home=reverse("overview", kwargs=where))
    return groups


def _mark(request: HttpRequest, items: list[dict[str, Any]], home: str = "") -> None:
    """`home` is where every other address begins: it is current only by itself."""
    here = request.path
    fitting = [one for one in items if here == one["url"] or (one["url"] != home and here.startswith(one["url"]))]
    if fitting:
        max(fitting, key=lambda item: len(item["url"]))["active"] = True


def _operator_groups(request: HttpRequest) -> list[dict[str, Any]]:
    """In the operator's rooms the side bar leads through these, and back to what is the person's own."""
    rooms: list[dict[str, Any]] = [
        {"title": text, "icon": icon, "url": reverse(name)} for text, icon, name in OPERATOR_ROOMS
    ]
    _mark(request, rooms)
    own = [{"title": "Your organizations", "icon": "arrow-left", "url": reverse("organizations")}]
    return [{"title": "Operator", "items": rooms}, {"title": "Yourself", "items": own}]


def _person(request: HttpRequest) -> dict[str, Any] | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    words = (user.name or user.email).split()
    initials = (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()
    return {
        "name": user.name or "",
        "email": user.email,
        "initials": initials,
        "theme": user.theme,
        "time_zone": user.time_zone,
    }


def _account_navigation(request: HttpRequest) -> list[dict[str, str]]:
    items = [
        {"title": "Profile", "icon": "user", "url": reverse("profile")},
        {"title": "E-mail addresses", "icon": "mail", "url": reverse("account_email")},
        {"title": "Sign-in and security", "icon": "fingerprint-pattern", "url": reverse("mfa_index")},
        {"title": "Password", "icon": "key-round", "url": reverse("account_change_password")},
        {"title": "Sessions", "icon": "monitor", "url": reverse("usersessions_list")},
        {"title": "Activity", "icon": "activity", "url": reverse("activity")},
        {"title": "Your data", "icon": "file-archive", "url": reverse("your_data")},
        {"title": "Organizations", "icon": "building-2", "url": reverse("organizations")},
    ]
    if person_of(request).is_operator:
        items.append({"title": "Operator", "icon": "server", "url": reverse(OPERATOR_ROOMS[0][2])})
    return items


def _account_groups(request: HttpRequest, items: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Outside of an organization the side bar leads through what is the person's own."""
    return [{"title": "Your account", "items": [{**item, "active": request.path == item["url"]} for item in items]}]


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of base.html. Outside an organization it is only the person's own."""
    person = _person(request)
    context: dict[str, Any] = {"person": person, "version": settings.VERSION}
    if person is None:
        return context
    context["account_nav"] = _account_navigation(request)
    belonging = getattr(request, "belonging", None)
    actor: Actor | None = getattr(request, "actor", None)
    if request.path.startswith(reverse("console:home")) and person_of(request).is_operator:
        return context | {"nav": _operator_groups(request), "operator_room": True}
    if belonging is None or actor is None:
        return context | {"nav": _account_groups(request, context["account_nav"])}
    return context | _place(request, actor, belonging)


def _place(request: HttpRequest, actor: Actor, belonging: selectors.Belonging) -> dict[str, Any]:
    name = "live" if actor.environment_id == belonging.live_id else "test"
    others = [other for other in selectors.list_belongings(actor.id) if other.slug != belonging.slug]
    context: dict[str, Any] = {
        "organization": {"name": belonging.name, "slug": belonging.slug, "url": f"/o/{belonging.slug}/{name}/"},
        "organizations": [{"name": other.name, "url": f"/o/{other.slug}/"} for other in others],
        "new_organization_url": reverse("new_organization"),
        "environment": {"name": name, "id": actor.environment_id},
        "environments": [
            {"name": "live", "id": belonging.live_id, "url": f"/o/{belonging.slug}/live/"},
            {"name": "test", "id": belonging.test_id, "url": f"/o/{belonging.slug}/test/"},
        ],
    }
    if isinstance(belonging, selectors.Support):
        context["support"] = _support(request, belonging)
    if belonging.state == "PROVISIONING":
        return context
    where = {"org_slug": belonging.slug, "env_name": name}
    with tenant(actor.organization_id):  # an error page is rendered after the request's own transaction ended
        status = trail.chain_status(actor)
        nav = _navigation(request, actor, where)
        erasure = waiting_erasure(actor.organization_id)
    chain = {
        "state": status.state,
        "verified_at": status.verified_at,
        "length": status.verified_length if status.state == "verified" else status.length,
        "broken_at": status.first_bad,
    }
    if gate.allows(actor, Permission.KEYS_READ):
        context["keys_url"] = reverse("keys:list", kwargs=where)
    if erasure is not None:
        context["erasure"] = erasure
        if gate.allows(actor, Permission.ORGANIZATION_ERASE):
            context["erasure_url"] = reverse("retention:erasure", kwargs=where)
    return context | {"nav": nav, "chain": chain}


def _support(request: HttpRequest, support: selectors.Support) -> dict[str, Any]:
    """The banner above every page that an operator sees of an organization."""
    told = selectors.get_banner(support)
    return {
        "operator": person_of(request).label,
        "organization": support.name,
        "as_member": support.subject_id is not None,
        "as_whom": told.as_whom,
        "reason": told.reason,
        "writes": support.writes,
        "ends_at": support.ends_at,
        "end_url": reverse("console:end_access", kwargs={"request_id": support.request_id}),
    }
