"""One request of a directory, from the token to the answer and the line in the log."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse

from directory.actions.scim_log import Line
from directory.scim.provider import note_fault, service
from directory.scim.reading import operations_of
from directory.scim.resources import read_id
from directory.scim.storage import DirectoryStorage
from hq.authz.actor import Actor

_KINDS = {"Users", "Groups", "Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig"}
_READS = {"GET", "HEAD", "OPTIONS"}
NAME_SHOWN = 120


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
        paths = {each.get("bulkId"): str(each.get("path")) for each in operations_of(from_json(request.body))}
        return [_bulk_line(outcome, paths, storage) for outcome in body.get("Operations", [])]
    return [_line(request.method, request.path, int(response.status), body, storage, asked=storage.asked)]


def _bulk_line(outcome: dict[str, Any], paths: dict[Any, str], storage: DirectoryStorage) -> Line:
    """What was not made has no location: its path is what was asked for."""
    location = "/".join(str(outcome.get("location") or "").split("/")[-2:])
    path = location or paths.get(outcome.get("bulkId"), "")
    answer = outcome.get("response") or {}
    return _line(str(outcome.get("method")), path, int(outcome.get("status") or 0), answer, storage)


def _line(
    method: str, path: str, status: int, body: dict[str, Any], storage: DirectoryStorage, *, asked: str = ""
) -> Line:
    """Who or what it was about, as far as it is known, and why it was refused if it was."""
    kind, _, rest = path.strip("/").partition("/")
    target = read_id(rest) or read_id(body.get("id"))
    name = storage.labels.get(str(target)) or asked
    reason = str(body.get("detail") or "") if status >= HTTPStatus.BAD_REQUEST else ""
    detail = ": ".join(part for part in (name[:NAME_SHOWN], reason) if part)
    known = kind if kind in _KINDS else ""  # the rest of an address is anybody's words
    return Line(method=method, resource=known, target_id=target, status=status, detail=detail)
