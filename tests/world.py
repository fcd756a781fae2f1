"""A place with one of everything, for tests that walk every route."""

import json
import re
from uuid import uuid4

from django.test import Client

from artifacts import actions as artifacts
from audit.models import AccessEntry
from audit.tags import Log
from directory.actions.connections import create_connection
from directory.actions.domains import add_domain
from directory.actions.scim_tokens import create_scim_token
from evidence.actions.exports import Range, request_trail_export
from evidence.actions.mailing import add_witness
from hq.authz.levels import Level
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from jobs.models import Job
from keys import actions as key_actions
from keys.models import Cmk, Rotation
from retention import actions as erasing
from sharing import actions as sharing
from signing.actions.brand import change_brand
from signing.actions.bulk import check_table
from signing.actions.templates import keep_as_template
from streams.actions import create_stream
from tenants import actions
from tenants.models import ApiKey, Membership
from tests.artifacts.tars import tar
from tests.factories import ORIGIN, make_member, make_place, sign_in
from tests.keys.support import rotate, statement_of
from tests.operators import make_operator
from tests.signing import support as signing
from tests.tenants.support_access import ask
from tests.workloads.cluster import refused
from tests.workloads.support import terms
from vault import actions as vault
from webhooks.actions import create_endpoint, send_test
from workloads.actions.trusts import create_trust


class World:
    """A place with one of everything, and a client."""

    def __init__(self, name="Matrix"):
        self.place = make_place(name)
        self.client, owner = Client(), self.place.actor()
        vault.put_object(actor=owner, path="a/b", chunks=[b"content"])
        self.member = make_member(self.place, Role.DEVELOPER)
        with tenant(self.place.id):
            self.share = sharing.create_share(actor=owner, paths=["a/b"]).link.id
            self.upload_request = sharing.create_request(actor=owner, folder="inbox/").request.id
            self.artifact = artifacts.create_artifact(actor=owner, name="Site", access=artifacts.Access("link")).id
            self.artifact_link = artifacts.create_links(actor=owner, artifact_id=self.artifact)[0].link.id
            self.invitation = actions.invite_member(actor=owner, email="i@example.com", role=Role.ANALYST).invitation.id
            scopes = frozenset({Permission.OBJECTS_READ})
            self.key = actions.create_api_key(actor=owner, name="spare", scopes=scopes).key.id
            self.membership = Membership.objects.get(user=self.member).id
            self.group = actions.create_group(actor=owner, name="Group").id
            actions.put_in_group(actor=owner, group_id=self.group, membership_ids=[self.membership])
            self.account = actions.create_service_account(actor=owner, name="Machine").id
            self.trust = create_trust(actor=owner, service_account_id=self.account, **terms()).id
            self.webhook = create_endpoint(
                actor=owner, name="Hook", url="https://hook.example/", events=["*"]
            ).endpoint.id
            self.delivery = send_test(actor=owner, endpoint_id=self.webhook).id
            self.rule = actions.give_access(actor=owner, prefix="c/", level=Level.READ, group_id=self.group).id
            self.witness = add_witness(actor=owner, address=f"auditor-{self.place.id.hex[-12:]}@world.example").id
            self.stream = create_stream(
                actor=owner,
                name="SIEM",
                kind="https",
                target={"url": "https://siem.example/"},
                secret={},
                logs=["admin"],
            ).stream.id
            self.credentials = vault.issue_credentials(actor=owner, paths=["a/"]).row.id
            self.trail_export = request_trail_export(actor=owner, wish=Range(log=Log.ADMIN)).id
            self.job = Job.objects.values_list("id", flat=True).order_by("id")[0]
            self.cmk = Cmk.objects.get(organization_id=self.place.id).id
            self.scim_token = create_scim_token(actor=owner).token.id
            self.domain = add_domain(actor=owner, name=f"{name.lower()}.example").id
            self.connection = create_connection(actor=owner, kind="okta", protocol="saml", name="Okta").id
            self.erasure = erasing.request_erasure(actor=owner, days=7, reason="x").id
            someone = Membership.objects.get(user=make_member(self.place, Role.ANALYST)).id
            self.person_erasure = erasing.request_member_erasure(actor=owner, member_id=someone, reason="x").id
        for number in (b"1", b"2"):
            archive = iter([tar({"index.html": number})])
            artifacts.deploy_archive(actor=owner, artifact_id=self.artifact, chunks=archive)
        self.agreement = signing.make_agreement(self.place, pdf=signing.pdf_of())
        with tenant(self.place.id):
            self.template = keep_as_template(actor=owner, agreement_id=self.agreement.id, name="NDA").id
            self.batch = check_table(actor=owner, template_id=self.template, content=signing.TABLE).id
            change_brand(actor=owner, colour="#006368", mark=signing.png())
        self.statement = statement_of(rotate(self.place)).id
        self.exchange = refused(self.place, self.trust).id
        self.request = ask(self.place, make_operator()).id
        # Nothing is destroyed by it: it is asked for, and taken back by the first who may.
        self.wish = key_actions.request_destruction(actor=owner, key_id=self.cmk, days=30, reason="x", erase=True).id
        with tenant(self.place.id):
            self.hold = erasing.place_hold(actor=owner, name="Case", reason="x", prefixes=["held/"]).id
            self.secret = actions.create_api_key(actor=owner, name="all", scopes=SCOPES & owner.permissions).secret
        self.upload = self.sent()
        self.line = self.looked_at()

    def looked_at(self):
        """A line of the access log."""
        sign_in(self.place.owner).get(f"/o/{self.place.slug}/live/audit/")
        with tenant(self.place.id):
            return AccessEntry.objects.filter(environment_id=self.place.live_id).latest("pk").pk

    def sent(self):
        """An upload of the key's own, whose one part has arrived."""
        key = actions.authenticate_api_key(secret=self.secret, origin=ORIGIN)
        upload = vault.begin_upload(actor=key, path="a/sent", size=1).id
        (part,) = vault.address_parts(actor=key, upload_id=upload, parts=[1])
        vault.open_part(token=part.address.url.rpartition("/")[2], origin=ORIGIN).receive(1, [b"x"])
        return upload

    def url(self, route):
        ids = {"shares/": self.share, "api-keys/": self.key, "members/": self.membership, "people/": self.membership}
        ids |= {"audit/requests/": self.line, "requests/": self.upload_request}
        ids |= {"agreements/": self.agreement.id, "agreement-templates/": self.template}
        ids |= {"templates/": self.template, "batches/": self.batch}
        ids |= {"invitations/": self.invitation, "statements/": self.statement, "/keys/": self.cmk}
        ids |= {"tokens/": self.scim_token, "sso/": self.connection, "domains/": self.domain}
        ids |= {"groups/": self.group, "access/": self.rule, "acl/": self.rule, "service-accounts/": self.account}
        ids |= {"holds/": self.hold, "erasure/": self.erasure, "erasures/": self.person_erasure}
        ids |= {"artifacts/": self.artifact, "webhooks/": self.webhook, "credentials/": self.credentials}
        ids |= {
            "audit/exports/": self.trail_export,
            "streams/": self.stream,
            "uploads/": self.upload,
            "witnesses/": self.witness,
        }
        ids |= {"workload-trusts/": self.trust, "workloads/": self.trust, "exchanges/": self.exchange}
        ids |= {"rotations/": self.rotation, "destructions/": self.wish, "support/": self.request}
        filled = route.replace("<uuid:environment_id>", str(self.place.live_id)).replace("<path:path>", "a/b")
        filled = filled.replace("<uuid:organization_id>", str(self.place.id)).replace("<uuid:job_id>", str(self.job))
        filled = filled.replace("<slug:org_slug>", self.place.slug).replace("<env:env_name>", "live")
        filled = (
            filled.replace("<uuid:member_id>", str(self.membership))
            .replace("<uuid:delivery_id>", str(self.delivery))
            .replace("<int:index>", "1")
            .replace("<slug:kind>", "syslog")
            .replace("<int:number>", "1")
            .replace("<uuid:link_id>", str(self.artifact_link))
            .replace("<uuid:signer_id>", str(self.signer))
            .replace("<int:version>", "1")
        )
        for word, known in ids.items():
            filled = filled.replace(f"{word}<uuid:id>", f"{word}{known}")
        return "/" + re.sub(r"<uuid:\w+>", str(uuid4()), filled)

    def filled(self, body):
        """With the ids that a body asks for."""
        if isinstance(body, bytes):
            return body
        ids = {"<member>": self.membership, "<group>": self.group, "<delivery>": self.delivery}
        ids |= {"<agreement>": self.agreement.id}
        text = json.dumps(body)
        for word, known in ids.items():
            text = text.replace(word, str(known))
        return text

    @property
    def rotation(self):
        """The newest: that of the beginning, or one that an act before has begun."""
        with tenant(self.place.id):
            return Rotation.objects.values_list("id", flat=True).order_by("-id").first() or uuid4()

    @property
    def signer(self):
        """The first of the agreement: other rows once others were named. Gone with it."""
        return next((one.id for one in signing.signers(self.agreement)), uuid4())

    def with_scopes(self, scopes):
        with tenant(self.place.id):
            ApiKey.objects.filter(name="all").update(scopes=sorted(scopes))

    def act(self, act, secret=None):
        asks = act.route.endswith(("object-metadata", "object-versions", "acl/explain"))
        sizes = "?from=1&to=2" if act.route.endswith("audit/consistency") else ""
        url = self.url(act.route) + ("?path=a/b" if asks else sizes)
        raw = "application/octet-stream" if isinstance(act.body, bytes) else ""
        if act.route.endswith("/document"):
            raw = "application/pdf"
        more = (
            {}
            if act.body is None
            else {
                "data": self.filled(act.body),
                "content_type": raw or "application/json",
            }
        )
        headers = {"authorization": f"Bearer {secret or self.secret}"}
        return getattr(self.client, act.method.lower())(url, headers=headers, **more)
