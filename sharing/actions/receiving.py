"""Files that a stranger sends to an upload request: counted before they are read, so that no limit is passed.

Three transactions, and none while bytes travel: room is taken for the file; the vault stores it; it is told. Killed in
between, the file stands as `arriving` until `settle` finds out whether it came.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.db.models import F, QuerySet

from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid, PreconditionFailed, Problem, Refused
from hq.lib.paths import clean_path
from hq.web.transfer import Body
from jobs.registry import RunningJob
from sharing import selectors
from sharing.actions import file_types
from sharing.actions.attempts import KEPT as ATTEMPTS_KEPT
from sharing.actions.backing import backed
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.actions.requests import target_of
from sharing.models import USER_AGENT_LENGTH, ClockTimestamp, RequestState, UploadAttempt, UploadRequest
from vault import actions as vault
from vault import selectors as objects
from vault.actions import Conditions, NameTaken

Kind = UploadAttempt.Kind
ON_ITS_WAY = timedelta(hours=24)  # nothing travels for longer
FREE_TRIES = 20


class RequestFull(Refused):
    """This request takes no more: the limit of files or of bytes is reached. Nothing was kept."""


class FileTooLarge(Invalid):
    """This file is larger than the request takes. Nothing of it was kept."""

    status = 413


class SameMoment(Refused):
    """Another file of this name came at the same moment. Send this one again."""


@dataclass(frozen=True, slots=True)
class Received:
    """What the sender may know of it: how they called it, and that it came whole."""

    name: str
    size: int
    sha256: str


def look_at_request(*, token: str, origin: Origin, sending: bool = False) -> UploadRequest:
    """What is asked for, by whom. Uses nothing up. Who is `sending` looks at no page, and is told of by the file.

    Raises LinkCannotBeOpened for whatever takes nothing any more.
    """
    organization_id = selectors.locate_request(secrets.digest(token))
    with tenant(organization_id):
        request = selectors.find_request(organization_id, token_digest=secrets.digest(token))
        if request is not None and _takes(request):
            if not sending:
                _keep(request, Kind.LOOKED, origin)
            return request
        if request is not None:
            _keep(request, Kind.REFUSED, origin, reason=request.state.value)
    raise LinkCannotBeOpened


def receive_file(*, token: str, name: str, body: Body, origin: Origin) -> Received:
    """Store what a stranger sends. Call it outside of any transaction. A name that is taken gets a number.

    Raises:
        LinkCannotBeOpened, RequestFull, FileTooLarge, WrongType, SameMoment, InvalidPath, LocalOnlyPath, and what the
        vault's `put_object` raises.
    """
    organization_id = selectors.locate_request(secrets.digest(token))
    with tenant(organization_id):
        request = selectors.find_request(organization_id, token_digest=secrets.digest(token))
        if request is None or not _takes(request):
            raise LinkCannotBeOpened
    try:
        wanted = clean_path(request.folder + name)
        _check(request, wanted, body.length)
        with tenant(organization_id):
            path = _free_name(request, wanted)
            attempt = _take_room(request, path, body.length, origin)
    except Problem as refused:
        with tenant(organization_id):
            _keep(request, Kind.REFUSED, origin, reason=refused.code[:40])
        raise
    try:
        stored = vault.put_object(
            actor=sender(request, origin),
            path=path,
            chunks=file_types.checked(body.chunks, path, request.types),
            content_type=body.content_type,
            conditions=Conditions(None, frozenset({"*"})),
            expected_size=body.length,
            expected_sha256=body.sha256,
        )
    except BaseException as error:
        with tenant(organization_id):
            _give_back(attempt, error.code[:40] if isinstance(error, Problem) else "broken-off")
        if isinstance(error, (PreconditionFailed, NameTaken)):
            raise SameMoment from None
        raise
    version = stored.version
    with tenant(organization_id):
        _tell(request, attempt, version.sha256, origin)
    return Received(name, version.size, version.sha256)


def still_taken(request: UploadRequest) -> bool:
    """For streams: whether the request was closed, or left behind by its maker. What began in time may end later."""
    with tenant(request.organization_id):
        now_ = selectors.find_request(request.organization_id, pk=request.pk)
        return now_ is not None and now_.closed_at is None and backed(now_, [now_.folder])


def sender(request: UploadRequest, origin: Origin) -> Actor:
    """Who sends: nobody in particular, who adds below one folder and sees nothing."""
    return Actor(
        organization_id=request.organization_id,
        environment_id=request.environment_id,
        kind="link",
        id=request.id,
        label=f"Sender for “{request.purpose}”" if request.purpose else "Sender for an upload request",
        method=AuthMethod.LINK,
        permissions=request.permissions,
        pinned=frozenset({request.folder}),
        origin=origin,
    )


def _looker(request: UploadRequest) -> Actor:
    """HQ itself, below that folder: it looks which names are free, and tells nobody."""
    return replace(sender(request, Origin()), permissions=frozenset({Permission.OBJECTS_READ}))


def _takes(request: UploadRequest) -> bool:
    """Full ones are shown still: whoever comes may know why nothing more is taken."""
    return request.state in {RequestState.OPEN, RequestState.FULL} and backed(request, [request.folder])


def _check(request: UploadRequest, path: str, size: int) -> None:
    ending = file_types.ending_of(path)
    if request.types and ending not in request.types:
        raise file_types.WrongType(f"This request takes {', '.join(request.types)} files only. Nothing was kept.")
    if size > request.file_size_most:
        raise FileTooLarge


def _free_name(request: UploadRequest, wanted: str) -> str:
    """As it is called, or with a number. The sender is not told which: it would tell them what is there."""
    looker = _looker(request)
    *folders, name = wanted.removeprefix(request.folder).split("/")
    above = [request.folder + "/".join(folders[:count]) for count in range(1, len(folders) + 1)]
    if objects.find_objects(looker, above):
        wanted = request.folder + name  # one of those is a file, which is not the sender's to know either
    stem, dot, ending = wanted.rpartition(".")
    stem, ending = (stem, f".{ending}") if dot and "/" not in ending and stem[-1:] != "/" else (wanted, "")
    for number in range(1, FREE_TRIES):
        path = clean_path(wanted if number == 1 else f"{stem} ({number}){ending}")
        if not objects.find_objects(looker, [path]) and not objects.list_objects(looker, prefix=f"{path}/", limit=0):
            return path
    return clean_path(f"{stem} ({secrets.random_token('')[:12]}){ending}")


def _take_room(request: UploadRequest, path: str, size: int, origin: Origin) -> UploadAttempt:
    """One statement decides, as with links: whoever comes second sees what the first has taken. Raises RequestFull."""
    room = UploadRequest.objects.filter(
        organization_id=request.organization_id,
        pk=request.pk,
        closed_at__isnull=True,
        expires_at__gt=ClockTimestamp(),
        files__lt=F("files_most"),
        size__lte=F("size_most") - size,
    )
    if not room.update(files=F("files") + 1, size=F("size") + size):
        raise RequestFull
    return _add(request, Kind.ARRIVING, origin, path=path, size=size)


def _give_back(attempt: UploadAttempt, reason: str) -> None:
    """It did not come. Only once: whoever finds it settled already changes nothing."""
    if _arriving(attempt).update(kind=Kind.REFUSED, reason=reason):
        room = UploadRequest.objects.filter(organization_id=attempt.organization_id, pk=attempt.request_id)
        room.update(files=F("files") - 1, size=F("size") - (attempt.size or 0))


def _tell(request: UploadRequest, attempt: UploadAttempt, sha256: str, origin: Origin) -> None:
    if _arriving(attempt).update(kind=Kind.RECEIVED, sha256=sha256):
        after = {"path": attempt.path, "size": attempt.size, "sha256": sha256}
        recorder.record(sender(request, origin), Tag.UPLOAD_REQUEST_RECEIVED, target=target_of(request), after=after)


def settle(job: RunningJob) -> int:
    """Find out what became of files whose process was killed: stored or not. How many there were."""
    with job.step():
        late = UploadAttempt.objects.filter(
            organization_id=job.organization_id, kind=Kind.ARRIVING, at__lt=now() - ON_ITS_WAY
        )
        found = list(late.select_related("request").order_by("pk")[:200])
        for attempt in found:
            _settle(attempt)
    return len(found)


def _settle(attempt: UploadAttempt) -> None:
    request = selectors.find_request(attempt.organization_id, pk=attempt.request_id)
    there = objects.find_objects(_looker(request), [attempt.path]).get(attempt.path) if request else None
    if request is not None and there is not None and there.created_by_id == request.id:
        _tell(request, attempt, there.sha256, Origin(ip=attempt.ip, user_agent=attempt.user_agent))
    else:
        _give_back(attempt, "broken-off")


def _arriving(attempt: UploadAttempt) -> QuerySet[UploadAttempt]:
    rows = UploadAttempt.objects.filter(organization_id=attempt.organization_id, pk=attempt.pk)
    return rows.filter(kind=Kind.ARRIVING)


def _keep(request: UploadRequest, kind: Kind, origin: Origin, *, reason: str = "") -> None:
    """Add one line, up to so many of a kind: whoever has the address must not fill the disk with it."""
    if selectors.count_uploads(request.organization_id, request.id, kind) < ATTEMPTS_KEPT:
        _add(request, kind, origin, reason=reason)


def _add(
    request: UploadRequest, kind: Kind, origin: Origin, *, reason: str = "", path: str = "", size: int | None = None
) -> UploadAttempt:
    return UploadAttempt.objects.create(
        organization_id=request.organization_id,
        request=request,
        kind=kind,
        reason=reason,
        ip=origin.ip,
        user_agent=origin.user_agent[:USER_AGENT_LENGTH],
        client_request=origin.request_id,
        path=path,
        size=size,
    )
