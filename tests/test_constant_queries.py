"""Pages ask the database the same number of questions, whether an environment holds little or much."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from artifacts import actions as artifacts
from artifacts.models import Artifact
from audit.models import AccessEntry
from audit.tags import Log
from directory.actions.connections import create_connection
from directory.actions.domains import add_domain
from directory.actions.scim_log import Line, note_operations
from evidence.actions.checkpoints import make_checkpoint
from exports.models import Export, Volume
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from sharing import actions as sharing
from sharing.actions.caps import Cap
from sharing.actions.rules import change_rule
from sharing.models import UploadAttempt, UploadRequest
from signing.actions import drafts, sending
from signing.actions.bulk import check_table, send_batch, shape_of
from signing.actions.templates import keep_as_template
from signing.models import Agreement, Batch, Template
from tenants import actions as tenants
from tenants.models import ApiKey, ApiKeyDay, ApiKeyNetwork, Membership
from tests.artifacts.conftest import deploy, make_artifact
from tests.factories import ORIGIN, Place, make_api_key, make_member, make_place, sign_in
from tests.operators import make_operator
from tests.signing import support as signing
from tests.tenants.support_access import ask
from tests.workloads.cluster import Cluster, given, refused
from vault import actions as vault
from vault.models import Blob
from webhooks.actions import create_endpoint, send_test
from webhooks.models import Attempt, Delivery, Endpoint
from workloads.models import Trust

LITTLE, MUCH = 2, 12
PAGES = (
    "",
    "files/",
    "files/versions?path=file-00",
    "files/deleted",
    "files/search?q=file",
    "files/credentials",
    "shares/",
    "shares/requests",
    "shares/requests/{request}",
    "shares/rules",
    "shares/new?" + "&".join(f"path=file-{number:02}" for number in range(LITTLE)),
    "artifacts/",
    "artifacts/{artifact}",
    "agreements/",
    "agreements/{agreement}",
    "agreements/{draft}/people",
    "agreements/{draft}/fields",
    "agreements/{draft}/review",
    "agreements/templates/",
    "agreements/templates/{template}/fields",
    "agreements/batches/",
    "agreements/batches/{batch}",
    "keys/",
    "audit/",
    "audit/?kind=access",
    "audit/1",
    "audit/requests/{request_line}",
    "integrity/",
    "people/",
    "policy/",
    "export/",
    "your-data/",
    "retention/",
    "retention/holds/",
    "retention/erasure",
    "retention/people/",
    "policy/change",
    "api-keys/",
    "api-keys/{key}/",
    "api-keys/{key}/revoke",
    "workloads/",
    "workloads/{trust}",
    "workloads/new?kind=other",
    "webhooks/",
    "webhooks/{webhook}",
    "webhooks/{webhook}/deliveries/{delivery}",
    "support/",
    "directory/scim/",
    "directory/sso/",
    "directory/sso/domains/",
    "groups/",
    "access/",
    "access/?path=folder-00/file",
    "access/new",
    "access/explorer?path=folder-00/file",
    "service-accounts/",
)


def fill(place: Place, numbers: range) -> None:
    """One more of everything that pages list, for each number."""
    actor = place.actor()
    for number in numbers:
        for path in (f"file-{number:02}", f"folder-{number:02}/file", "file-00", f"gone-{number:02}"):
            vault.put_object(actor=actor, path=path, chunks=[f"{path} {number}".encode()])
        vault.delete_object(actor=actor, path=f"gone-{number:02}")
        make_member(place, Role.DEVELOPER)
        make_api_key(place)
        ask(place, make_operator(), email=place.owner.email)
        come_in(place, number)
        with tenant(place.id):
            sharing.create_share(actor=actor, paths=["file-00"], purpose=f"link {number}")
            ask_for_files(place, number)
            note_operations(actor, [Line(method="POST", resource="Users", target_id=None, status=201, detail="x")])
            tenants.invite_member(actor=actor, email=f"guest{number}@example.com", role=Role.ANALYST)
            give_to_one_of_each(place, number)
            add_domain(actor=actor, name=f"domain{number}.example")
            create_connection(actor=actor, kind="okta", protocol="saml", name=f"connection {number}")
            use_the_first_key(place, number)
            make_artifact(place, "link")
            first = Artifact.objects.order_by("pk")[0]
            artifacts.create_links(actor=actor, artifact_id=first.id)
            send_to_the_first_webhook(place, number)
        deploy(place, first, {"index.html": str(number).encode()})
        agree_with_one_more(place, number)
    with tenant(place.id):
        for _ in numbers:
            for scope in Export.Scope.values:
                export_of_one_volume(place, scope)


def agree_with_one_more(place: Place, number: int) -> None:
    """Another that is out, of another template; in the first draft and the first that is out one more person."""
    actor, more = place.actor(), signing.people_of(number + 1)
    with tenant(place.id):
        first = Agreement.objects.filter(state="draft").order_by("pk").first()
    if first is None:
        first = signing.make_agreement(place, more, pdf=signing.pdf_of())
    out = signing.sent(place, more, pdf=signing.pdf_of())
    with tenant(place.id):
        drafts.set_signers(actor=actor, agreement_id=first.id, people=more)
        drafts.set_fields(actor=actor, agreement_id=first.id, places=signing.places_for(more))
        template = keep_as_template(actor=actor, agreement_id=first.id, name=f"Template {number}")
        sending.remind_signers(actor=actor, agreement_id=out.id)
        row = ",".join(f"A,a{each}@b.example" for each in range(number + 1))
        table = "\n".join(
            [",".join(["title", *shape_of(template).columns]), *(f"T{at},{row}" for at in range(number + 1))]
        )
        sent = check_table(actor=actor, template_id=template.id, content=table.encode())
        send_batch(actor=actor, batch_id=sent.id)
        check_table(actor=actor, template_id=template.id, content=table.encode())


def ask_for_files(place: Place, number: int) -> None:
    """One more upload request, one more try at the first, and a rule for a new group."""
    actor = place.actor()
    sharing.create_request(actor=actor, folder=f"inbox-{number:02}/")
    UploadAttempt.objects.create(
        organization_id=place.id,
        request=UploadRequest.objects.order_by("pk")[0],
        kind=UploadAttempt.Kind.RECEIVED,
        path=f"inbox-00/{number}",
        size=number,
        sha256="0" * 64,
    )
    group = tenants.create_group(actor=actor, name=f"sharers {number}")
    change_rule(actor=actor, group_id=group.id, reviewed=None, wanted=Cap(longest_seconds=60 + number))


def export_of_one_volume(place: Place, scope: str) -> None:
    """One more that is ready, for the owner or the organization."""
    export = Export.objects.create(
        organization_id=place.id,
        environment_id=place.live_id,
        scope=scope,
        requested_by_id=place.owner.pk,
        requested_by_label="Olive Owner",
        recipient="age1",
        made_at=now(),
        cut_at=now(),
        expires_at=now() + timedelta(days=7),
    )
    Volume.objects.create(
        organization_id=place.id,
        export=export,
        number=1,
        blob=Blob.objects.filter(organization_id=place.id)[0],
        size=1,
        plain_size=1,
        members=1,
        manifest_digest=bytes(32),
    )


def give_to_one_of_each(place: Place, number: int) -> None:
    """A rule for a new person, a new group with them in it, and a new service account with a key."""
    actor = place.actor()
    member = Membership.objects.get(user=make_member(place, Role.AUDITOR))
    group = tenants.create_group(actor=actor, name=f"group {number}")
    tenants.put_in_group(actor=actor, group_id=group.id, membership_ids=[member.id])
    machine = tenants.create_service_account(actor=actor, name=f"machine {number}")
    scopes = frozenset({Permission.OBJECTS_READ})
    tenants.create_api_key(actor=actor, name="key", scopes=scopes, service_account_id=machine.id)
    for named in ({"membership_id": member.id}, {"group_id": group.id}, {"service_account_id": machine.id}):
        tenants.give_access(actor=actor, prefix="folder-00/", level=Level.READ, **named)


def come_in(place: Place, number: int) -> None:
    """One more trust, and one more exchange and refusal by the newest and by the first."""
    cluster = Cluster()
    newest = cluster.trust(place, f"workload {number}")
    given(newest.id, cluster.token())
    with tenant(place.id):
        first = Trust.objects.order_by("pk")[0]
    refused(place, first.id)


def use_the_first_key(place: Place, number: int) -> None:
    """One more key that it made, and one more network and day that it was used from and on."""
    first = ApiKey.objects.order_by("pk")[0]
    made = ApiKey.objects.order_by("-pk")[0]
    ApiKey.objects.filter(pk=made.pk).update(made_by_key=first)
    ApiKeyNetwork.objects.create(organization_id=place.id, key_id=first.id, network=f"10.0.{number}.0/24")
    on = now().date() - timedelta(days=number)
    ApiKeyDay.objects.create(organization_id=place.id, key_id=first.id, on=on, requests=number)


def send_to_the_first_webhook(place: Place, number: int) -> None:
    """One more webhook, one more delivery to the first, and one more attempt at its first delivery."""
    actor = place.actor()
    create_endpoint(actor=actor, name=f"webhook {number}", url="https://hooks.example/", events=["job:retried"])
    send_test(actor=actor, endpoint_id=Endpoint.objects.order_by("pk")[0].id)
    Attempt.objects.create(
        organization_id=place.id,
        delivery=Delivery.objects.order_by("pk")[0],
        number=number + 1,
        status=500,
        milliseconds=number,
        signed_at=now(),
        signature="v1,",
        answer="no",
    )


def statements(ask: Callable[[], object]) -> list[str]:
    """What is asked once everything that is remembered for a while is there."""
    ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    return [query["sql"] for query in captured]


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


def asked(client: Client, place: Place) -> dict[str, list[str]]:
    for _ in range(2):  # of a log of one line the proof is empty
        client.get(f"/o/{place.slug}/live/audit/")
    with tenant(place.id):
        make_checkpoint(place.id, place.live_id, Log.ACCESS)
        key = ApiKey.objects.order_by("pk").values_list("pk", flat=True)[0]
        trust = Trust.objects.order_by("pk").values_list("pk", flat=True)[0]
        delivery = Delivery.objects.order_by("pk")[0]
        artifact = Artifact.objects.order_by("pk").values_list("pk", flat=True)[0]
        asked_for = UploadRequest.objects.order_by("pk").values_list("pk", flat=True)[0]
        states = {state: Agreement.objects.filter(state=state).order_by("-pk")[0].pk for state in ("draft", "sent")}
        line = AccessEntry.objects.filter(environment_id=place.live_id).order_by("pk")[0].pk
        batch = Batch.objects.get(state="checked").pk
        template = Template.objects.order_by("-pk")[0].pk
    ids = {"request": asked_for, "artifact": artifact, "key": key, "trust": trust}
    ids |= {"agreement": states["sent"], "draft": states["draft"], "batch": batch, "template": template}
    ids |= {"request_line": line, "webhook": delivery.endpoint_id, "delivery": delivery.id}

    def get(page: str) -> None:
        response = client.get(f"/o/{place.slug}/live/{page.format(**ids)}")
        assert response.status_code == 200, (page, response.status_code)

    return {page: statements(lambda page=page: get(page)) for page in PAGES}  # type: ignore[misc]  # the default binds the page


def test_a_page_of_many_asks_no_more_than_a_page_of_few(place: Place) -> None:
    client = sign_in(place.owner)
    fill(place, range(LITTLE))
    few = asked(client, place)
    fill(place, range(LITTLE, MUCH))
    many = asked(client, place)
    more = {page: (len(few[page]), len(many[page])) for page in PAGES if len(many[page]) > len(few[page])}
    assert not more


def test_a_link_to_many_files_asks_no_more_than_a_link_to_few(place: Place) -> None:
    fill(place, range(MUCH))

    def look_at(count: int) -> int:
        paths = [f"file-{number:02}" for number in range(count)]
        with tenant(place.id):
            made = sharing.create_share(actor=place.actor(), paths=paths)
        return len(statements(lambda: sharing.look_at_link(token=made.token, origin=ORIGIN)))

    assert look_at(MUCH) == look_at(LITTLE)


def test_choosing_many_files_asks_no_more_than_choosing_few(place: Place) -> None:
    fill(place, range(MUCH))
    client = sign_in(place.owner)

    def choose(count: int) -> int:
        chosen = "&".join(f"path=file-{number:02}" for number in range(count))
        return len(statements(lambda: client.get(f"/o/{place.slug}/live/shares/new?{chosen}")))

    assert choose(MUCH) == choose(LITTLE)
