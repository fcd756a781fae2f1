"""One request of a directory, from the token to the answer and the line in the log."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse

from directory.actions.scim_log import Line
from directory.scim.provider import note_fault, service
from directory.scim.resources import read_id
from directory.scim.storage import DirectoryStorage
from hq.authz.actor import Actor

_READS = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Served:
    """The answer, and what the log says of it."""

    response: ScimResponse
    lines: list[Line]


def serve(actor: Actor, request: ScimRequest) -> Served:
    """Answer, whatever happens. Nothing of a refused operation is kept; of a bulk request the others are."""
    reads = request.method in _READS or request.path.endswith("/.search")
    storage = DirectoryStorage(actor, changing=not reads)
    try:
        response = ScimHandler(service, storage).handle(request)
    except Exception as error:  # noqa: BLE001 - every fault is answered in SCIM's shape, and ours are logged
        note_fault(error)
        response = service.error_response(error)
    return Served(
        response, [] if reads and response.status < HTTPStatus.BAD_REQUEST else _lines(request, response, storage)
    )


def refused(error: Exception) -> ScimResponse:
    """The answer to what was refused before it was read."""
    return service.error_response(error)


def _lines(request: ScimRequest, response: ScimResponse, storage: DirectoryStorage) -> list[Line]:
    """One for the request, or one for each operation of a bulk request."""
    body = response.body or {}
    if request.path.strip("/") == "Bulk" and response.status == HTTPStatus.OK:
        return [_bulk_line(outcome, storage) for outcome in body.get("Operations", [])]
    return [_line(request.method, request.path, int(response.status), body, storage)]


def _bulk_line(outcome: dict[str, Any], storage: DirectoryStorage) -> Line:
    path = "/".join(str(outcome.get("location") or "").split("/")[-2:])
    answer = outcome.get("response") or {}
    return _line(str(outcome.get("method")), path, int(outcome.get("status") or 0), answer, storage)


def _line(method: str, path: str, status: int, body: dict[str, Any], storage: DirectoryStorage) -> Line:
    kind, _, rest = path.strip("/").partition("/")
    target = read_id(rest) or read_id(body.get("id"))
    detail = str(body.get("detail") or "") if status >= HTTPStatus.BAD_REQUEST else storage.labels.get(str(target), "")
    return Line(method=method, resource=kind, target_id=target, status=status, detail=detail)
