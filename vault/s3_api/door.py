"""One request of a program that speaks S3: who asks, what for, may they, and the answer."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.http import http_date
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.sealing import on_behalf_of
from hq.lib.errors import Denied, NotFound, Problem, Unauthenticated
from hq.web import transfer
from hq.web.limits import charge, refuse_unknown
from hq.web.request import identify, origin
from vault import actions, selectors
from vault.actions import Conditions
from vault.actions.multipart import Sent
from vault.models import StorageCredential
from vault.s3_api import parts
from vault.s3_api.bodies import ALGORITHMS, CHECKED, in_base64, incoming
from vault.s3_api.errors import XML, S3Error, refusal
from vault.s3_api.listing import NAMESPACE, add, as_xml, list_page
from vault.s3_api.requests import Asked, asked_of
from vault.s3_api.signing import Claim, claim_of, require_in_time, require_signature


@method_decorator(csrf_exempt, name="dispatch")
class S3Door(View):
    """All of it. It keeps to no browser's session, so no form of another site can reach it."""

    def dispatch(self, request: HttpRequest, *args: Any, bucket: str = "", path: str = "") -> HttpResponseBase:
        actor: Actor | None = None
        try:
            row, actor = _known(request)
            with on_behalf_of(actor.kind, actor.id):
                return _act(request, row, actor, bucket, path)
        except Problem as problem:
            return refusal(request, problem, actor)


def _known(request: HttpRequest) -> tuple[StorageCredential, Actor]:
    """Whose signature it is, and who they are now; counted as every other machine. Raises S3Error, Denied, TooMany."""
    claim = claim_of(request)
    try:
        row = _signed_by(request, claim)
    except S3Error:
        _count_unknown(request)
        raise
    require_in_time(claim)
    actor = actions.actor_of(row, origin(request))
    identify(request, actor)
    charge(request, actor)
    return row, actor


def _signed_by(request: HttpRequest, claim: Claim) -> StorageCredential:
    row = actions.find_credentials(claim.access_key)
    if row is None:
        raise S3Error("InvalidAccessKeyId")
    require_signature(request, claim, row.secret)
    if not actions.has_token(row, claim.session_token):
        raise S3Error("InvalidToken")
    return row


def _count_unknown(request: HttpRequest) -> None:
    """An address that comes with many credentials that nobody has is refused for that. Raises TooMany."""
    try:
        refuse_unknown(request)
    except Unauthenticated:
        return


def _act(request: HttpRequest, row: StorageCredential, actor: Actor, bucket: str, key: str) -> HttpResponseBase:
    if not bucket:
        return _buckets(request, row)
    if bucket != selectors.bucket_name_of(row):
        raise S3Error("NoSuchBucket")
    asked = asked_of(request, bucket, key)
    return _Acts.named[asked.act](_Acts(request, row, actor), asked)


def _buckets(request: HttpRequest, row: StorageCredential) -> HttpResponse:
    if request.method != "GET":
        raise S3Error("MethodNotAllowed")
    root = ET.Element("ListAllMyBucketsResult", xmlns=NAMESPACE)
    one = ET.SubElement(ET.SubElement(root, "Buckets"), "Bucket")
    made_at = row.environment.created_at
    add(one, {"Name": selectors.bucket_name_of(row), "CreationDate": f"{made_at:%Y-%m-%dT%H:%M:%S}.000Z"})
    return HttpResponse(as_xml(root), content_type=XML)


class _Acts:
    """What can be asked for, each one call of a verb."""

    named: ClassVar[dict[str, Callable[["_Acts", Asked], HttpResponseBase]]]

    def __init__(self, request: HttpRequest, row: StorageCredential, actor: Actor) -> None:
        self.request, self.row, self.actor = request, row, actor

    def may(self, permission: Permission, key: str) -> None:
        """Out of their paths programs are told that they may not, whatever is there. Raises Denied."""
        with tenant(self.actor.organization_id) if permission in self.actor.within else nullcontext():
            if not gate.allows(self.actor, permission, path=key):
                raise Denied

    def still(self, permission: Permission, key: str) -> Callable[[], bool]:
        """For streams: whether they may still do it."""

        def asked() -> bool:
            now = actions.actor_again(self.row, origin(self.request))
            if now is None:
                return False
            with tenant(now.organization_id):
                return gate.allows(now, permission, path=key)

        return asked

    def get_object(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_READ, asked.key)
        opened = actions.open_object(actor=self.actor, path=asked.key)
        still = self.still(Permission.OBJECTS_READ, opened.version.path)
        response = transfer.download(self.request, opened.described, opened.read, still)
        if response.status_code == 416:
            raise S3Error("InvalidRange")
        response["Last-Modified"] = http_date(opened.version.created_at.timestamp())
        return response

    def put_object(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_WRITE, asked.key)
        body = incoming(self.request, self.still(Permission.OBJECTS_WRITE, asked.key))
        stored = actions.put_object(
            actor=self.actor,
            path=asked.key,
            chunks=body.chunks,
            content_type=body.content_type,
            conditions=Conditions(transfer.if_match(self.request), transfer.if_none_match(self.request)),
            expected_size=body.length,
            expected_sha256=body.sha256,
        )
        version = stored.version
        return HttpResponse(headers={"ETag": version.etag, "x-amz-checksum-sha256": in_base64(version.sha256)})

    def delete_object(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_DELETE, asked.key)
        with suppress(NotFound):  # as S3 has it: what is not there is deleted
            actions.delete_object(
                actor=self.actor, path=asked.key, conditions=Conditions(transfer.if_match(self.request))
            )
        return HttpResponse(status=204)

    def begin_parts(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_WRITE, asked.key)
        if self.request.headers.get("X-Amz-Checksum-Algorithm", "CRC32").upper() not in ALGORITHMS:
            raise S3Error("NotImplemented", CHECKED)
        kind = transfer.media_type(self.request.META.get("CONTENT_TYPE", ""))
        upload = actions.begin_multipart(actor=self.actor, row=self.row, path=asked.key, content_type=kind)
        return HttpResponse(parts.begun(asked, upload), content_type=XML)

    def put_part(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_WRITE, asked.key)
        body = incoming(self.request, self.still(Permission.OBJECTS_WRITE, asked.key))
        sent = Sent(parts.number_of(asked.query["partNumber"]), body.length, body.sha256, body.chunks)
        tag = actions.put_part(
            actor=self.actor, row=self.row, path=asked.key, upload_id=asked.query["uploadId"], sent=sent
        )
        return HttpResponse(headers={"ETag": tag})

    def list_parts(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_WRITE, asked.key)
        most = min(parts.number_of(asked.query.get("max-parts", "1000")), 1000)
        after = parts.number_of(asked.query.get("part-number-marker", "0"))
        found = actions.list_parts(
            actor=self.actor,
            row=self.row,
            path=asked.key,
            upload_id=asked.query["uploadId"],
            after=after,
            limit=most,
        )
        return HttpResponse(parts.listed(asked, found, most), content_type=XML)

    def complete_parts(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_WRITE, asked.key)
        body = incoming(self.request, self.still(Permission.OBJECTS_WRITE, asked.key))
        said = self.request.headers.get("X-Amz-Mp-Object-Size", "")
        if said and not (said.isascii() and said.isdigit() and len(said) <= 15):
            raise S3Error("InvalidArgument")
        stored = actions.complete_multipart(
            actor=self.actor,
            row=self.row,
            path=asked.key,
            upload_id=asked.query["uploadId"],
            wanted=parts.wanted(body),
            size=int(said) if said else None,
            conditions=Conditions(transfer.if_match(self.request), transfer.if_none_match(self.request)),
        )
        where = self.request.build_absolute_uri(self.request.path)
        return HttpResponse(parts.completed(asked, where, stored.version), content_type=XML)

    def abort_parts(self, asked: Asked) -> HttpResponseBase:
        self.may(Permission.OBJECTS_WRITE, asked.key)
        actions.abort_multipart(actor=self.actor, row=self.row, path=asked.key, upload_id=asked.query["uploadId"])
        return HttpResponse(status=204)

    def list_objects(self, asked: Asked) -> HttpResponseBase:
        with tenant(self.actor.organization_id):
            pins, prefix = self.actor.pinned, asked.query.get("prefix", "")
            if pins is not None and not gate.gives((pin for pin in pins if pin.endswith("/")), prefix):
                raise Denied  # also for an object by itself: a list shows what else begins like it
            return HttpResponse(list_page(self.actor, asked), content_type=XML)

    def head_bucket(self, asked: Asked) -> HttpResponseBase:
        return HttpResponse(headers={"x-amz-bucket-region": settings.REGION})

    def get_location(self, asked: Asked) -> HttpResponseBase:
        root = ET.Element("LocationConstraint", xmlns=NAMESPACE)
        root.text = settings.REGION
        return HttpResponse(as_xml(root), content_type=XML)


_Acts.named = {
    act.__name__: act
    for act in (
        _Acts.abort_parts,
        _Acts.begin_parts,
        _Acts.complete_parts,
        _Acts.delete_object,
        _Acts.get_location,
        _Acts.get_object,
        _Acts.head_bucket,
        _Acts.list_objects,
        _Acts.list_parts,
        _Acts.put_object,
        _Acts.put_part,
    )
}

routes = [
    path("s3", S3Door.as_view()),
    path("s3/", S3Door.as_view()),
    path("s3/<str:bucket>", S3Door.as_view()),
    path("s3/<str:bucket>/", S3Door.as_view()),
    path("s3/<str:bucket>/<path:path>", S3Door.as_view()),
]
