"""`bin/manage demo`: an organization with something on every page, made by the same actions and requests as any other.

Nothing is written around the rules: people join by invitation, machines and recipients come in over HTTP, and whatever
is refused was really tried.
"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from time import monotonic, sleep
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit import actions as trail
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Problem
from jobs import actions as jobs
from jobs.registry import NETWORK
from keys import actions as keys
from keys import selectors as custody
from overview.management import story
from overview.management.agreements import agreements
from overview.management.exchange import READ_FIRST, credentials, inbox, links, published
from overview.management.story import Person
from overview.management.telling import Outside, Story, put
from retention import actions as retention
from tenants import actions as tenants
from tenants import selectors
from tenants.selectors import Belonging
from vault import actions as vault
from webhooks import actions as webhooks
from workloads import actions as workloads

PATIENCE = 60.0  # seconds


class Command(BaseCommand):
    help = "Fill an organization called Alder Peak, so that every page has something to show. Development only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo is for development: it makes people who can sign in. Nothing was changed.")
        self._json = options["json"]
        owner = tenants.ensure_person(email=story.OWNER.email, name=story.OWNER.name)
        there = selectors.find_belonging(owner.pk, story.ORGANIZATION.lower().replace(" ", "-"))
        if there is not None:
            self._tell(owner, there, [f"{story.ORGANIZATION} is there already; nothing was changed."])
            return
        with redirect_stdout(StringIO()):  # mail in development is printed too, and would bury what is told below
            told = self._fill(owner)
        self._tell(owner, told.place, told.made)

    def _fill(self, owner: Any) -> Story:
        documents = story.documents()
        if not {*READ_FIRST} <= {document.path for document in documents}:
            raise CommandError(f"The demo stores HQ's own documents, and {settings.ROOT} does not have them.")
        told = Story(_organization(owner), {story.OWNER: owner}, documents)
        for chapter in CHAPTERS:
            told.made.append(chapter(told))
        return told

    def _tell(self, owner: Any, place: Belonging, made: list[str]) -> None:
        url = tenants.create_sign_in_link(person=owner)
        if self._json:
            environments = {"live": str(place.live_id), "test": str(place.test_id)}
            found = {"organization_id": str(place.organization_id), "environments": environments, "made": made}
            self.stdout.write(json.dumps(found | {"sign_in_url": url}))
            return
        self.stdout.write("\n".join([*made, "", f"Sign in once as {owner.label}: {url}"]))


def _organization(owner: Any) -> Belonging:
    """Made and provisioned. Works through the queue itself, so that no worker need run; one that does may be faster."""
    try:
        made = tenants.create_organization(
            person=owner, name=story.ORGANIZATION, region=settings.REGION, origin=story.OWNER.origin
        )
    except Problem as problem:
        raise CommandError(str(problem)) from problem
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        belonging = selectors.find_belonging(owner.pk, made.slug)
        if belonging is not None and belonging.state == "READY":
            return belonging
        if not jobs.run_one("demo"):
            sleep(0.1)
    raise CommandError("The organization could not be provisioned; the job's error is at /operator/jobs.")


# ---- chapters: each returns one sentence of what is there now


def people(told: Story) -> str:
    """Everybody joins by invitation. One role changes, one person leaves, one invitation went to a wrong address."""
    for joiner in story.JOINERS:
        told.people[joiner] = _join(told, joiner)
    email, role = story.WRONG_INVITATION
    wrong = told.act(tenants.invite_member, story.OWNER, email=email, role=role)
    told.act(tenants.revoke_invitation, story.OWNER, invitation_id=wrong.invitation.id)
    email, role = story.OPEN_INVITATION
    told.act(tenants.invite_member, story.ADMIN, email=email, role=role)
    told.act(tenants.change_role, story.OWNER, member_id=_member(told, story.DEVELOPER), role=story.DEVELOPER.role)
    told.act(tenants.remove_member, story.ADMIN, member_id=_member(told, story.LEAVER))
    names = ", ".join(f"{person.name} ({person.role})" for person in told.people if person is not story.LEAVER)
    return f"People: {names}. One invitation is open."


def _join(told: Story, joiner: Person) -> Any:
    account = tenants.ensure_person(email=joiner.email, name=joiner.name)
    invitation = told.act(tenants.invite_member, story.OWNER, email=joiner.email, role=joiner.joins_as or joiner.role)
    token = invitation.url.rpartition("/")[2]
    tenants.accept_invitation(person=account, token=token, origin=joiner.origin)
    return account


def _member(told: Story, person: Person) -> UUID:
    belonging = selectors.find_belonging(told.people[person].pk, told.place.slug)
    if belonging is None:
        raise CommandError(f"{person.name} is not in {told.place.name}.")
    return belonging.membership_id


def access(told: Story) -> str:
    """Two groups and a service account, and what each may reach beyond its role."""
    claims, auditors = (
        told.act(tenants.create_group, story.ADMIN, name=name) for name in ("Claims", "Outside auditors")
    )
    told.act(tenants.put_in_group, story.ADMIN, group_id=claims.id, membership_ids=_places(told, story.CLAIMS))
    told.act(tenants.put_in_group, story.ADMIN, group_id=auditors.id, membership_ids=_places(told, (story.AUDITOR,)))
    told.act(tenants.give_access, story.ADMIN, prefix="evidence/", level=Level.WRITE, group_id=claims.id)
    told.act(tenants.give_access, story.OWNER, prefix="evidence/2026-11/", level=Level.READ, group_id=auditors.id)
    told.act(
        tenants.give_access,
        story.OWNER,
        prefix="handbook/design/",
        level=Level.ADMIN,
        membership_id=_member(told, story.DEVELOPER),
    )
    return "Access: groups Claims and Outside auditors, and three rules beside the roles."


def _places(told: Story, people: Sequence[Person]) -> list[UUID]:
    return [_member(told, person) for person in people]


def files(told: Story) -> str:
    """HQ's own documents, some in two versions, one deleted and brought back, one left deleted."""
    for number, document in enumerate(told.documents):
        writer = story.DEVELOPER if number % 3 else story.ADMIN
        if document.early:
            put(told, story.OWNER, document.path, document.beginning, document.content_type)
        put(told, writer, document.path, document.content, document.content_type)
    draft = "handbook/design/outline.md"
    put(told, story.DEVELOPER, draft, told.documents[0].beginning, "text/markdown")
    vault.delete_object(actor=told.actor(story.DEVELOPER), path=draft)
    vault.delete_object(actor=told.actor(story.ADMIN), path=READ_FIRST[0])
    vault.restore_object(actor=told.actor(story.OWNER), path=READ_FIRST[0])
    return f"Files: {len(told.documents)} documents under handbook/, some in several versions; one deleted."


def machines(told: Story) -> str:
    """A service account works over /v1 and meets the edge of its scopes; another key is made and revoked."""
    account = told.act(tenants.create_service_account, story.ADMIN, name="claims-triage")
    told.act(tenants.give_access, story.ADMIN, prefix="evidence/", level=Level.WRITE, service_account_id=account.id)
    secret = told.act(
        tenants.create_api_key,
        story.ADMIN,
        name="claims-triage",
        scopes=story.MACHINE_SCOPES,
        service_account_id=account.id,
    ).secret
    ended = told.act(tenants.create_api_key, story.DEVELOPER, name="ci-deploy", scopes=story.CI_SCOPES)
    told.act(tenants.revoke_api_key, story.ADMIN, key_id=ended.key.id)
    machine = Outside(story.MACHINE_IP, "claims-triage/1.4 python-requests", secret)
    base = f"/v1/environments/{told.place.live_id}"
    digests = story.digests(told.documents)
    machine.send("PUT", f"{base}/objects/evidence/2026-11/digests.csv", digests, "text/csv", expect=201)
    machine.send("GET", f"{base}/objects/{READ_FIRST[1]}", expect=200)
    machine.send("GET", f"{base}/objects?prefix=evidence/", expect=200)
    machine.send("PUT", f"{base}/objects/.aws/credentials", b"[default]\n", "text/plain", expect=409)
    machine.send("DELETE", f"{base}/objects/{READ_FIRST[0]}", expect=403)
    machine.send("GET", f"{base}/audit/events", expect=403)
    return "API keys: claims-triage works as a service account and was refused three times; ci-deploy is revoked."


def federation(told: Story) -> str:
    """A pod comes in with its cluster's token; another pod of that cluster is refused."""
    cluster, name = story.Cluster(), "evidence-check"
    account = told.act(tenants.create_service_account, story.ADMIN, name=name)
    told.act(tenants.give_access, story.ADMIN, prefix="evidence/", level=Level.READ, service_account_id=account.id)
    trust = told.act(
        workloads.create_trust,
        story.ADMIN,
        name=name,
        kind="kubernetes",
        issuer=cluster.issuer,
        audience=settings.BASE_URL,
        subject=cluster.subject(name),
        service_account_id=account.id,
        scopes=frozenset({Permission.OBJECTS_READ}),
        seconds=300,
        keys=cluster.keys,
    )
    pod, form = Outside(story.CLUSTER_IP, "curl/8.14.1"), "application/x-www-form-urlencoded"
    answer = pod.send("POST", "/v1/oauth/token", cluster.asks(trust.id, name), form, expect=200)
    inside = Outside(story.CLUSTER_IP, "curl/8.14.1", json.loads(answer)["access_token"])
    path = f"/v1/environments/{told.place.live_id}/objects/evidence/2026-11/digests.csv"
    inside.send("GET", path, expect=200)
    inside.send("DELETE", path, expect=403)
    pod.send("POST", "/v1/oauth/token", cluster.asks(trust.id, "report-builder"), form, expect=400)
    return f"Workloads: {name} came in with its cluster's token and without a stored secret; another was refused."


def receivers(told: Story) -> str:
    """Two endpoints at a name that is nobody's: what is sent to one does not arrive, and the other is switched off."""
    wanted = ("object:created", "object:updated", "share:revoked")
    intake = told.act(
        webhooks.create_endpoint, story.ADMIN, name="Claims intake", url=f"{story.RECEIVERS}/claims", events=wanted
    ).endpoint
    old = told.act(
        webhooks.create_endpoint, story.ADMIN, name="Former dashboard", url=f"{story.RECEIVERS}/board", events=["*"]
    ).endpoint
    told.act(webhooks.disable_endpoint, story.ADMIN, endpoint_id=old.id)
    for line in (b"Two claims await their photos.\n", b"One claim awaits its photos.\n"):
        put(told, story.ANALYST, "evidence/2026-11/open-claims.md", line, "text/markdown")
    told.act(webhooks.send_test, story.ADMIN, endpoint_id=intake.id)
    while jobs.run_one("demo", lane=NETWORK):
        pass  # each fails at once and is put back for later, as it would be by a worker
    return "Webhooks: two events and a test did not arrive at Claims intake; Former dashboard is switched off."


def sandbox(told: Story) -> str:
    """Something in `test`, which shares nothing with `live`."""
    for document in told.documents[:3]:
        put(told, story.DEVELOPER, document.path, document.content, document.content_type, test=True)
    told.act(tenants.create_api_key, story.DEVELOPER, test=True, name="sandbox", scopes=story.CI_SCOPES)
    return "Environment test: 3 files and an API key called sandbox."


def held(told: Story) -> str:
    """A legal hold that stood for a while and was lifted."""
    hold = told.act(
        retention.place_hold,
        story.OWNER,
        name="Claim 2026-118",
        reason="The insurer asked that nothing of this claim be removed",
        prefixes=["evidence/2026-11/"],
    )
    told.act(retention.lift_hold, story.OWNER, hold_id=hold.id, reason="The claim was settled on 18 November")
    return "Legal holds: one on evidence/2026-11/, placed and lifted; nothing is held now."


def rotation(told: Story) -> str:
    """The owner rotates the organization key. What is held is counted first, as it is every day.

    It ends by itself, five minutes later, once no process can hold the former data keys: that cannot be hurried.
    """
    organization_id = told.place.organization_id
    keys.count_held(organization_id)
    with tenant(organization_id):
        cmk = custody.list_keys(told.actor(story.OWNER)).cmk
    if cmk is None:
        raise CommandError(f"{told.place.name} has no key.")
    told.act(keys.rotate_key, story.OWNER, key_id=cmk.id, reason="The contractor who set the key store up has left")
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        with tenant(organization_id):
            newest = custody.list_rotations(told.actor(story.OWNER), limit=1)[0]
        if newest.reencrypted_at is not None:
            return "Encryption keys: everything is under version 2; its signed statement comes in five minutes."
        if not jobs.run_one("demo"):
            sleep(0.1)
    raise CommandError("The rotation did not come to its end; the job's error is at /operator/jobs.")


def proof(told: Story) -> str:
    """The auditor verifies the chain."""
    verdict = told.act(trail.verify_chain, story.AUDITOR)
    if not verdict.ok:
        raise CommandError(f"The chain does not fit at event {verdict.first_bad}: {verdict.reason}.")
    return f"Audit chain: {verdict.length} events, verified."


CHAPTERS = (
    people,
    access,
    files,
    machines,
    federation,
    links,
    inbox,
    published,
    agreements,
    credentials,
    receivers,
    sandbox,
    held,
    rotation,
    proof,
)
