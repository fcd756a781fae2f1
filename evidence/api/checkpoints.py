"""Checkpoints, proofs and witnesses over /v1."""

import base64
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.tags import Log
from evidence import selectors
from evidence.actions.checkpoints import request_checkpoints
from evidence.actions.mailing import add_witness, remove_witness
from evidence.actions.proofs import ProofFile, prove_entry, prove_request
from evidence.models import Checkpoint, MailWitness
from evidence.selectors import Consistency, LogState, NotTheseSizes
from hq.crypto.transparency import write_submission
from hq.db.context import tenant
from hq.lib.mail_addresses import MOST_CHARACTERS
from hq.web.api import Endpoint, Input, choice_argument, number_cursor, page, page_arguments, read

LOGS = [log.value for log in Log]
READ = "The file, which `bin/verify` checks."
OF_LOG = OpenApiParameter("log", str, enum=LOGS, description="`admin` when left out.")


class CosignatureBody(serializers.Serializer[Any]):
    witness = serializers.CharField()
    at = serializers.DateTimeField(help_text="When the witness saw it.")


class CheckpointBody(serializers.Serializer[Any]):
    log = serializers.ChoiceField(choices=LOGS)
    origin = serializers.CharField(help_text="The name of the log, in the first line of the note.")
    size = serializers.IntegerField(help_text="How many entries it covers.")
    root = serializers.CharField(  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
        help_text="The root of the tree over them, base64."
    )
    at = serializers.DateTimeField()
    note = serializers.CharField(help_text="The C2SP signed note, with the lines of witnesses.")
    cosignatures = CosignatureBody(many=True)


class CheckpointList(serializers.Serializer[Any]):
    items = CheckpointBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class LogBody(serializers.Serializer[Any]):
    log = serializers.ChoiceField(choices=LOGS)
    origin = serializers.CharField()
    url = serializers.CharField(help_text="Where anybody gets the newest checkpoint.")
    verifier_keys = serializers.ListField(
        child=serializers.CharField(), help_text="C2SP verifier keys; the first signs now."
    )
    state = serializers.ChoiceField(
        choices=["none", "whole", "contradicted"],
        help_text="`contradicted`: the log is not what HQ or a witness knows.",
    )
    incident = serializers.CharField(allow_null=True, help_text="What contradicts it, in a sentence.")
    checkpoint = CheckpointBody(allow_null=True)


class LogList(serializers.Serializer[Any]):
    items = LogBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ConsistencyBody(serializers.Serializer[Any]):
    log = serializers.ChoiceField(choices=LOGS)
    proof = serializers.ListField(
        child=serializers.CharField(), help_text="The hashes of RFC 6962 section 2.1.2, base64, in order."
    )
    file = serializers.CharField(help_text="The same as a file, which `bin/verify` checks.")
    old = CheckpointBody()
    new = CheckpointBody()


class MailWitnessInput(Input):
    address = serializers.CharField(max_length=MOST_CHARACTERS)


class MailWitnessBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    address = serializers.CharField()
    confirmed_at = serializers.DateTimeField(allow_null=True, help_text="None while they have not agreed.")
    sent_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class MailWitnessList(serializers.Serializer[Any]):
    items = MailWitnessBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def checkpoint_body(row: Checkpoint) -> dict[str, Any]:
    """One checkpoint as integrators see it."""
    seen = sorted(row.cosignatures.all(), key=lambda each: each.id)
    return {
        "log": row.log,
        "origin": row.origin,
        "size": row.size,
        "root": base64.b64encode(bytes(row.root)).decode(),
        "at": row.at,
        "note": row.note + "".join(each.line for each in seen),
        "cosignatures": [{"witness": each.witness, "at": each.at} for each in seen],
    }


def log_body(state: LogState) -> dict[str, Any]:
    """One log as integrators see it."""
    contradicted = state.incident if state.state == "contradicted" else None
    return {
        "log": state.log,
        "origin": state.origin,
        "url": state.address,
        "verifier_keys": state.keys,
        "state": state.state,
        "incident": contradicted.sentence if contradicted else None,
        "checkpoint": checkpoint_body(state.checkpoint) if state.checkpoint else None,
    }


def mail_witness_body(row: MailWitness) -> dict[str, Any]:
    """One witness by mail as integrators see it; never the token."""
    return {name: getattr(row, name) for name in ("id", "address", "confirmed_at", "sent_at", "created_at")}


def _consistency_body(found: Consistency) -> dict[str, Any]:
    return {
        "log": found.new.log,
        "proof": [base64.b64encode(each).decode() for each in found.path],
        "file": write_submission(found.old.size, found.path, found.new.note),
        "old": checkpoint_body(found.old),
        "new": checkpoint_body(found.new),
    }


def _file(file: ProofFile) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    return HttpResponse(file.content, content_type="application/json", headers=headers)


def _log(request: Request) -> Log:
    return Log(choice_argument(request, "log", LOGS) or Log.ADMIN)


class Logs(Endpoint):
    """The two logs of an environment: their names, keys and newest checkpoints."""

    @extend_schema(operation_id="list_audit_logs", responses=LogList)
    def get(self, request: Request, **_: Any) -> Response:
        return Response({"items": [log_body(each) for each in selectors.list_logs(self.actor)], "next_cursor": None})


class Checkpoints(Endpoint):
    """What HQ committed to of a log, newest first."""

    own_context = True

    @extend_schema(
        operation_id="list_audit_checkpoints",
        responses=CheckpointList,
        parameters=[OF_LOG, OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
    )
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        below = number_cursor(cursor)
        with tenant(self.actor.organization_id):
            rows = selectors.list_checkpoints(self.actor, _log(request), below=below, limit=limit)
        return page(rows, limit, checkpoint_body, lambda row: str(row.size))

    @extend_schema(operation_id="make_audit_checkpoints", request=None, responses=CheckpointList)
    def post(self, request: Request, **_: Any) -> Response:
        """Commit to both logs as they are now. A log that has not grown keeps the checkpoint that it has."""
        made = request_checkpoints(actor=self.actor)
        with tenant(self.actor.organization_id):
            return Response({"items": [checkpoint_body(each) for each in made], "next_cursor": None})


class EventProof(Endpoint):
    """The file that shows an administrative event to be in the trail; `bin/verify` reads it."""

    own_context = True

    @extend_schema(
        operation_id="get_audit_event_proof", responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description=READ)}
    )
    def get(self, request: Request, index: int, **_: Any) -> HttpResponse:
        return _file(prove_entry(actor=self.actor, log=Log.ADMIN, index=index))


class RequestProof(Endpoint):
    """The file that shows a request to be in the access log; `bin/verify` reads it."""

    own_context = True

    @extend_schema(
        operation_id="get_audit_request_proof", responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description=READ)}
    )
    def get(self, request: Request, entry_id: UUID, **_: Any) -> HttpResponse:
        return _file(prove_request(actor=self.actor, request_id=entry_id))


class ConsistencyProof(Endpoint):
    """The proof that one checkpoint of a log goes on from another."""

    @extend_schema(
        operation_id="get_audit_consistency",
        responses=ConsistencyBody,
        parameters=[
            OF_LOG,
            OpenApiParameter("from", int, required=True, description="The size of the older checkpoint."),
            OpenApiParameter("to", int, required=True, description="The size of the newer one."),
        ],
    )
    def get(self, request: Request, **_: Any) -> Response:
        old, new = (_size(request, name) for name in ("from", "to"))
        return Response(_consistency_body(selectors.prove_consistency(self.actor, _log(request), old, new)))


class MailWitnesses(Endpoint):
    """Who is sent the organization's newest checkpoints by mail, once a day."""

    @extend_schema(operation_id="list_audit_witnesses", responses=MailWitnessList)
    def get(self, request: Request, **_: Any) -> Response:
        rows = selectors.list_mail_witnesses(self.actor)
        return Response({"items": [mail_witness_body(row) for row in rows], "next_cursor": None})

    @extend_schema(operation_id="add_audit_witness", request=MailWitnessInput, responses={201: MailWitnessBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Ask somebody whether they want to be one. They get nothing more until they agree."""
        made = add_witness(actor=self.actor, **read(MailWitnessInput, request))
        return Response(mail_witness_body(made), status=201)


class MailWitnessItem(Endpoint):
    """One witness by mail."""

    @extend_schema(operation_id="remove_audit_witness", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        remove_witness(actor=self.actor, witness_id=id)
        return Response(status=204)


def _size(request: Request, name: str) -> int:
    raw = request.query_params.get(name, "")
    if not (raw.isascii() and raw.isdigit() and 1 <= len(raw) <= 18):
        raise NotTheseSizes(errors=[{"pointer": f"/{name}", "detail": "Enter the size of a checkpoint."}])
    return int(raw)


routes = [
    path("audit/logs", Logs.as_view()),
    path("audit/checkpoints", Checkpoints.as_view()),
    path("audit/events/<int:index>/proof", EventProof.as_view()),
    path("audit/requests/<uuid:entry_id>/proof", RequestProof.as_view()),
    path("audit/consistency", ConsistencyProof.as_view()),
    path("audit/witnesses", MailWitnesses.as_view()),
    path("audit/witnesses/<uuid:id>", MailWitnessItem.as_view()),
]
