"""Every page that HQ has, by the name of its address, with an address of it in a filled organization."""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from audit import selectors as trail
from audit.selectors import Filters
from directory.actions.connections import create_connection
from directory.actions.domains import add_domain
from directory.actions.scim_tokens import create_scim_token
from evidence.actions.mailing import add_witness
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from jobs.models import Job
from keys import actions as key_actions
from keys import selectors as keys
from retention import actions as retention
from sharing import actions as sharing
from sharing import selectors as shares
from signing import selectors as agreements
from signing.actions.bulk import check_table
from signing.actions.templates import keep_as_template
from streams import actions as streams
from tenants import actions, selectors
from tests.artifacts.conftest import deploy, make_artifact
from tests.browser.no_pages import NO_PAGES
from tests.directory.support import Saml
from tests.factories import Place
from tests.keys.support import settle
from tests.operators import make_operator
from tests.signing import support as signing
from tests.tenants.support_access import ask
from vault import actions as vault
from webhooks import selectors as webhooks
from workloads.models import Trust
from workloads.selectors import list_exchanges, list_trusts

__all__ = ["NO_PAGES", "OWN", "for_anybody", "for_link", "for_members", "for_sender", "names"]
PATH = "handbook/THREAT_MODEL.md"
# Of the account alone, whatever the organization.
OWN = (
    "account_email",
    "account_change_password",
    "account_logout",
    "usersessions_list",
    "activity",
    "your_data",
    "erase_account",
    "socialaccount_connections",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
)


def names() -> set[str]:
    """The names of all addresses outside of /v1's endpoints."""
    return {name for name in _walk(get_resolver().url_patterns, "") if name}


def _walk(patterns: list[URLPattern | URLResolver], space: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _walk(pattern.url_patterns, inner)
        elif pattern.name:
            yield space + pattern.name


# Pages of an organization that are about no row, by room.
OF_THE_PLACE = {
    "": "access api_keys change_policy groups invite new_access new_api_key new_group"
    " integrity new_service_account overview people policy service_accounts support trail_exports",
    "artifacts:": "list new",
    "directory:": "domains new_connection scim_token sso",
    "exports:": "own whole",
    "keys:": "bring give_back list rotate",
    "retention:": "erasure holds new_hold overview people",
    "sharing:": "change_rule list new_request requests rules",
    "signing:": "batches brand list new templates",
    "vault:": "credentials deleted new_credentials",
    "streams:": "list new",
    "webhooks:": "list new",
    "workloads:": "list",
}


def for_members(place: Place) -> dict[str, list[str]]:
    """Pages behind signing in, as the owner, who is an operator too."""
    where = {"org_slug": place.slug, "env_name": "live"}
    found = _with_rows(place, where) | _for_webhooks(place, where) | _for_artifacts(place, where)
    found |= _for_agreements(place, where)
    found |= _for_streams(place, where) | _for_keys(place, where) | _for_operators(place)
    for room, names in OF_THE_PLACE.items():
        found |= {room + name: [reverse(room + name, kwargs=where)] for name in names.split()}
    found["overview"].append(reverse("overview", kwargs={**where, "env_name": "test"}))
    files, new_share, audit = (reverse(name, kwargs=where) for name in ("vault:browse", "sharing:new", "audit"))
    found["vault:browse"] = [files, f"{files}?folder=handbook/", f"{files}?q=nothing"]
    explorer, people = (reverse(name, kwargs=where) for name in ("explorer", "people"))
    with tenant(place.id):
        [me] = [one.id for one in selectors.list_members(place.actor()) if one.user_id == place.owner.pk]
    found["explorer"] = [explorer, f"{explorer}?path={quote(PATH)}", f"{explorer}?who={me}&path={quote(PATH)}"]
    found["people"].append(f"{people}?q=nobody")
    data_map = reverse("keys:data_map", kwargs=where)
    found["keys:data_map"] = [data_map, f"{data_map}?class=secrets", f"{data_map}?class=local-only&room=vault"]
    for name, more in (("versions", ""), ("diff", "&from=1&to=1")):
        found[f"vault:{name}"] = [reverse(f"vault:{name}", kwargs=where) + f"?path={quote(PATH)}{more}"]
    found["vault:search"] = [reverse("vault:search", kwargs=where) + f"?q={begins}" for begins in ("", "t", "nothing")]
    found["sharing:new"] = [new_share, f"{new_share}?path={quote(PATH)}&path=handbook/README.md"]
    sync = reverse("directory:scim", kwargs=where)
    found["directory:scim"] = [sync, f"{sync}?errors=1"]
    new_trust = reverse("workloads:new", kwargs=where)
    found["workloads:new"] = [new_trust, *(f"{new_trust}?kind={kind}" for kind in Trust.Kind.values)]
    found["audit"] = [audit, f"{audit}?kind=access", f"{audit}?tag=share:opened", f"{audit}?request_id=none"]
    rooms = ("organizations", "new_organization", "access", "jobs", "trail")
    for name in ("organizations", "new_organization", "profile", "components", *(f"console:{room}" for room in rooms)):
        found[name] = [reverse(name)]
    return found | {name: [reverse(name)] for name in OWN}


def _with_rows(place: Place, where: dict[str, str]) -> dict[str, list[str]]:
    def at(name: str, **row: UUID | int) -> str:
        return reverse(name, kwargs={**where, **row})

    with tenant(place.id):
        actor = place.actor()
        others = [member for member in selectors.list_members(actor) if member.user_id != place.owner.pk]
        key = next(key for key in selectors.list_api_keys(actor) if key.state == "active")
        links = list(shares.list_shares(actor))
        inbox = sharing.create_request(actor=actor, folder="inbox/", purpose="Your invoices").request.id
        events = trail.list_events(actor, Filters(), before=None, limit=200)
        wanted = {event.tag: event.index for event in events}
        lines = trail.list_access(actor, Filters(), before=None, limit=200)
        token = create_scim_token(actor=actor).token
        domain = add_domain(actor=actor, name="alderpeak.example").id
        connections = [
            create_connection(actor=actor, kind=kind, protocol=protocol, name=kind).id
            for kind, protocol in (("entra", "saml"), ("onelogin", "oidc"), ("workos", "workos"))
        ]
        group = actions.create_group(actor=actor, name="Reviewers")
        actions.put_in_group(actor=actor, group_id=group.id, membership_ids=[others[0].id])
        machine = actions.create_service_account(actor=actor, name="nightly-backup")
        issued = vault.issue_credentials(actor=actor, paths=["handbook/"]).row.id
        scopes = frozenset({Permission.OBJECTS_READ})
        own = actions.create_api_key(actor=actor, name="backup", scopes=scopes, service_account_id=machine.id).key
        successor = actions.rotate_api_key(actor=actor, key_id=own.id).key
        for named in ({"group_id": group.id}, {"service_account_id": machine.id}, {"membership_id": others[0].id}):
            actions.give_access(actor=actor, prefix="handbook/", level=Level.WRITE, **named)
        trust = list_trusts(actor)[0].id
        exchanges = list_exchanges(actor, trust_id=trust)
        job = Job.objects.filter(organization_id=place.id).first()
        assert job is not None
    return {
        "vault:revoke_credentials": [at("vault:revoke_credentials", id=issued)],
        "remove_member": [at("remove_member", id=others[0].id)],
        "retention:erase_member": [at("retention:erase_member", id=others[0].id)],
        "retention:change": [f"{at('retention:change')}?name=vault.{name}" for name in ("deleted", "versions")],
        "group": [at("group", id=group.id)],
        "rename_group": [at("rename_group", id=group.id)],
        "remove_group": [at("remove_group", id=group.id)],
        "service_account": [at("service_account", id=machine.id)],
        "end_service_account": [at("end_service_account", id=machine.id)],
        "directory:connection": [at("directory:connection", id=each) for each in connections],
        "directory:remove_connection": [at("directory:remove_connection", id=connections[0])],
        "directory:domain": [at("directory:domain", id=domain)],
        "directory:remove_domain": [at("directory:remove_domain", id=domain)],
        "directory:scim_revoke": [at("directory:scim_revoke", id=token.id)],
        "api_key": [at("api_key", id=each.id) for each in (key, own)],
        "rotate_api_key": [at("rotate_api_key", id=each.id) for each in (key, own)],
        "revoke_api_key": [at("revoke_api_key", id=each.id) for each in (key, successor)],
        "workloads:trust": [at("workloads:trust", id=trust), f"{at('workloads:trust', id=trust)}?outcome=refused"],
        **{f"workloads:{verb}": [at(f"workloads:{verb}", id=trust)] for verb in ("change", "remove", "try")},
        "workloads:exchange": [at("workloads:exchange", id=each.id) for each in exchanges],
        "sharing:share": [at("sharing:share", id=link.id) for link in links],
        "sharing:request": [at("sharing:request", id=inbox)],
        "audit_event": [at("audit_event", index=wanted[tag]) for tag in ("member:role_changed", "object:updated")],
        "audit_request": [at("audit_request", id=line.pk) for line in (lines[0], lines[-1])],
        "console:job": [reverse("console:job", kwargs={"job_id": job.id})],
    }


def _for_artifacts(place: Place, where: dict[str, str]) -> dict[str, list[str]]:
    """One behind a password, with two deployments."""
    site = make_artifact(place, "password")
    deploy(place, site)
    deploy(place, site, {"index.html": b"new", "added.html": b"added"})

    def at(name: str, **row: int) -> str:
        return reverse(f"artifacts:{name}", kwargs={**where, "id": site.id, **row})

    found = {f"artifacts:{name}": [at(name)] for name in ("artifact", "change", "new_links", "remove")}
    return found | {"artifacts:deployment": [at("deployment", number=number) for number in (1, 2)]}


def _for_agreements(place: Place, where: dict[str, str]) -> dict[str, list[str]]:
    """Being prepared as a text and as a PDF, out, and sealed, as the demo has one; and a table of people."""
    actor = place.actor()
    two = signing.people_of(2)
    written, uploaded = signing.make_agreement(place, two), signing.make_agreement(place, two, pdf=signing.pdf_of(2))
    out = signing.sent(place, two)
    signing.consent(signing.signer(out))
    text = "Of {company}. [[signature:1]]"
    pattern = signing.make_agreement(place, text=text)
    with tenant(place.id):
        template = keep_as_template(actor=actor, agreement_id=pattern.id, name="Secrecy", text=text)
        pages = keep_as_template(actor=actor, agreement_id=uploaded.id, name="Lease")
        table = check_table(actor=actor, template_id=template.id, content=PEOPLE)
        over = [one.id for one in agreements.list_agreements(actor, wanted=agreements.Wanted(state="sealed"))]

    def at(name: str, *ids: UUID, **row: UUID) -> list[str]:
        return [reverse(f"signing:{name}", kwargs={**where, "id": each, **row}) for each in ids]

    found = {f"signing:{name}": at(name, uploaded.id, written.id) for name in ("document", "fields", "review")}
    found |= {f"signing:{name}": at(name, uploaded.id) for name in ("people", "terms")}
    found |= {f"signing:{name}": at(name, out.id) for name in ("extend", "void", "remove")}
    found |= {f"signing:{name}": at(name, template.id) for name in _OF_A_TEMPLATE}
    found["signing:template"] += at("template", pages.id)
    found["signing:template_fields"] = at("template_fields", pages.id)
    found["signing:agreement"] = at("agreement", out.id, *over)
    found["signing:correct"] = at("correct", out.id, signer_id=signing.signer(out, 2).id)
    return found | {"signing:batch": at("batch", table.id)}


PEOPLE = b"name,email,company\nAda Holm,ada@holm.example,Holm\nBo,nobody,Bo\n"
_OF_A_TEMPLATE = ("template", "template_text", "use", "bulk", "remove_template")


def _for_keys(place: Place, where: dict[str, str]) -> dict[str, list[str]]:
    """A rotation that ended, a destruction that was asked for, and a hold since then: before, it would refuse that."""
    rotation = settle(place.id)
    with tenant(place.id):
        actor = place.actor()
        cmk = keys.list_keys(actor).cmk
    assert cmk is not None
    wish = key_actions.request_destruction(actor=actor, key_id=cmk.id, days=30, reason="We leave", erase=True)
    with tenant(place.id):
        hold = retention.place_hold(actor=actor, name="Case 7", reason="Court order", prefixes=["handbook/"])
    rows = {
        "keys:destroy": cmk.id,
        "keys:destruction": wish.id,
        "keys:check": rotation.statement_id,
        "retention:lift_hold": hold.id,
    }
    return {name: [reverse(name, kwargs={**where, "id": row})] for name, row in rows.items()}


def _for_streams(place: Place, where: dict[str, str]) -> dict[str, list[str]]:
    """One that has nowhere to send to, and the forms of the other kinds."""
    with tenant(place.id):
        row = streams.create_stream(
            actor=place.actor(),
            name="SIEM",
            kind="https",
            target={"url": "https://siem.example/in"},
            secret={},
            logs=["access", "admin"],
            begin="start",
        ).stream
    found = {f"streams:{name}": [reverse(f"streams:{name}", kwargs={**where, "id": row.id})] for name in _OF_A_STREAM}
    kinds = [reverse("streams:new_of", kwargs={**where, "kind": kind}) for kind in ("syslog", "s3")]
    return found | {"streams:new_of": kinds}


_OF_A_STREAM = ("change", "remove", "stream")


def _for_webhooks(place: Place, where: dict[str, str]) -> dict[str, list[str]]:
    """One that is tried without success and one that is switched off, as the demo makes them."""
    with tenant(place.id):
        rows = {row.name: row.id for row in webhooks.list_endpoints(place.actor())}
        intake = rows["Claims intake"]
        sent = webhooks.list_deliveries(place.actor(), intake)

    def at(name: str, **row: UUID) -> str:
        return reverse(f"webhooks:{name}", kwargs={**where, "id": intake, **row})

    found = {f"webhooks:{name}": [at(name)] for name in ("change", "rotate", "remove", "replay_range")}
    found["webhooks:endpoint"] = [at("endpoint", id=row) for row in rows.values()]
    found["webhooks:delivery"] = [at("delivery", delivery_id=each.id) for each in sent[:2]]
    return found


def _for_operators(place: Place) -> dict[str, list[str]]:
    """The operator's rooms that are about one organization, where another operator asks to be let in."""
    asked = ask(place, make_operator(name="Opal Operator"))
    found = {
        f"console:{name}": [reverse(f"console:{name}", kwargs={"organization_id": place.id})]
        for name in ("organization", "suspend", "resume", "close", "reopen", "ask_access")
    }
    found["console:access_request"] = [reverse("console:access_request", kwargs={"request_id": asked.id})]
    found["console:trail_event"] = [reverse("console:trail_event", kwargs={"index": 1})]
    return found


def for_link(place: Place) -> str:
    """The address of a new link to two files, one of which may be replaced."""
    paths = [PATH, "handbook/README.md"]
    with tenant(place.id):
        made = sharing.create_share(
            actor=place.actor(), paths=paths, permission="write", ttl_seconds=900, purpose="Two for you"
        )
    return urlsplit(made.url).path


def for_sender(place: Place) -> str:
    """The address of a new upload request."""
    with tenant(place.id):
        made = sharing.create_request(actor=place.actor(), folder="inbox/", purpose="Your invoices")
    return urlsplit(made.url).path


def for_signers(place: Place) -> dict[str, list[str]]:
    """A link to sign, before and after asking for a code, and the door to all documents of an address."""
    link = signing.link(signing.signer(signing.sent(place)))
    documents = reverse("signer_documents", kwargs={"organization_id": place.id})
    return {"sign_link": [link, f"{link}?code=typed"], "signer_documents": [documents], "sign_leave": ["/sign/leave"]}


def for_anybody(place: Place) -> dict[str, list[str]]:
    """Pages that ask for no account."""
    with tenant(place.id):
        actor = place.actor()
        invitation = actions.invite_member(actor=actor, email="new@alderpeak.example", role=Role.ANALYST)
        witness = add_witness(actor=actor, address=f"auditor-{place.id.hex[-12:]}@alderpeak.example")
    found = {
        name: [reverse(name)]
        for name in ("account_login", "account_signup", "account_reset_password", "docs", "verify")
    }
    found["account_reset_password_done"] = [reverse("account_reset_password_done")]
    found["invitation"] = [urlsplit(invitation.url).path]
    found["sign_in_once"] = [urlsplit(actions.create_sign_in_link(person=place.owner)).path]
    found |= for_signers(place)
    found["share_link"] = [for_link(place)]
    found["upload_request"] = [for_sender(place)]
    found["mail_witness"] = [reverse("mail_witness", kwargs={"token": witness.token})]
    found["problems"] = [reverse("problems")]
    found["problem"] = [reverse("problem", kwargs={"code": "local-only-path"})]
    found["sso"], found["sso_start"] = [reverse("sso")], [Saml.make(place=place).at("start")]
    for name in ("socialaccount_login_cancelled", "socialaccount_login_error"):
        found[name] = [reverse(name)]
    return found
