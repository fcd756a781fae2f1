"""Making, changing, pausing and removing streams."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit import recorder
from audit.recorder import Target as What
from audit.tags import Tag
from hq.authz.actor import Actor, environment_of
from hq.crypto import webhooks as crypto
from hq.lib.clock import now
from hq.lib.errors import FieldError, Invalid, Refused
from hq.lib.ids import new_id
from streams import selectors
from streams.models import NAME_MOST, Position, Sent, Stream
from streams.targets import TARGETS
from streams.targets.base import unread
from tenants.actions.names import clean_name

STREAMS_MOST = 10
NOW, START = "now", "start"


class TooManyStreams(Refused):
    """An environment has 10 streams at most. Remove one that is not needed any more."""


class AlreadyMade(Refused):
    """This form was sent twice. The secret was shown the first time and cannot be shown again.

    If it was not copied, remove the stream and make it again: it can begin where that one ended.
    """


class AlreadyActive(Refused):
    """This stream is sending already."""


class AlreadyPaused(Refused):
    """This stream is paused already."""


@dataclass(frozen=True, slots=True)
class Made:
    """A stream. For HTTPS with what its batches are signed with, which is known only now; else both are empty."""

    stream: Stream
    secret: str = ""
    public: str = ""


def create_stream(
    *,
    actor: Actor,
    name: str,
    kind: str,
    target: Mapping[str, Any],
    secret: Mapping[str, Any],
    logs: Iterable[str] | None = None,
    begin: str = NOW,
    stream_id: UUID | None = None,
) -> Made:
    """Have the trail of the actor's environment sent to a target, from now on or from its first entry.

    `logs` None: all that can be sent from there.

    Raises Denied, Invalid, TooManyStreams, AlreadyMade.
    """
    selectors.require_both(actor)
    signing = crypto.Secret.make() if kind == Stream.Kind.HTTPS else None
    known = {"shared": signing.text, "private": signing.private} if signing else {}
    settings = _settings(kind, name, target, secret, known)
    wanted = _logs(actor, list_sent(actor) if logs is None else logs)
    stream = Stream(
        id=stream_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        kind=kind,
        created_by_id=actor.person_id or actor.id,
        **settings,
    )
    selectors.lock_streams(actor)
    if Stream.objects.filter(organization_id=actor.organization_id, pk=stream.id).exists():
        raise AlreadyMade
    if selectors.count_streams(actor) >= STREAMS_MOST:
        raise TooManyStreams
    stream.save(force_insert=True)
    _add_positions(stream, wanted, from_now=begin != START)
    recorder.record(actor, Tag.STREAM_CREATED, target=what(stream), after=told(stream, wanted) | {"begin": begin})
    return Made(stream, signing.text, signing.public) if signing else Made(stream)


def change_stream(
    *,
    actor: Actor,
    stream_id: UUID,
    name: str,
    target: Mapping[str, Any],
    secret: Mapping[str, Any],
    logs: Iterable[str],
) -> Stream:
    """The next batch goes to the new target. A log that is added begins now; one left out loses its position.

    Of the secret, what is empty or missing stays, unless it would be sent to another server than so far: then it has
    to be entered again, or who may change a stream could have it read out to them. Raises Denied, NotFound, Invalid.
    """
    selectors.require_both(actor)
    stream = selectors.get_stream(actor, stream_id, lock=True)
    wanted, former = _logs(actor, logs), [position.log for position in selectors.list_positions(stream)]
    before = told(stream, former)
    given = {name: value for name, value in secret.items() if value}
    settings = _settings(stream.kind, name, target, given, stream.secret)
    _require_same_reader(stream, settings["target"], given)
    changed = [field for field, value in settings.items() if getattr(stream, field) != value]
    if not changed and wanted == former:
        return stream
    for field in changed:
        setattr(stream, field, settings[field])
    stream.changed_at, stream.next_at = now(), None
    stream.save(update_fields=[*changed, "changed_at", "next_at"])
    Position.objects.filter(organization_id=stream.organization_id, stream=stream).exclude(log__in=wanted).delete()
    _add_positions(stream, [log for log in wanted if log not in former], from_now=True)
    after = told(stream, wanted) | {"changed": [*changed, *(["logs"] if wanted != former else [])]}
    recorder.record(actor, Tag.STREAM_CHANGED, target=what(stream), before=before, after=after)
    return stream


def pause_stream(*, actor: Actor, stream_id: UUID) -> Stream:
    """Nothing is sent until it goes on; nothing is lost either. Raises Denied, NotFound, AlreadyPaused."""
    selectors.require_both(actor)
    stream = selectors.get_stream(actor, stream_id, lock=True)
    if stream.state == Stream.State.PAUSED:
        raise AlreadyPaused
    pause(stream, actor, Stream.Reason.BY_HAND)
    return stream


def pause(stream: Stream, actor: Actor, reason: Stream.Reason) -> None:
    """Pause a locked stream. Asks no permission: for this room only."""
    stream.state, stream.paused_reason, stream.paused_at = Stream.State.PAUSED, reason, now()
    stream.save(update_fields=["state", "paused_reason", "paused_at"])
    recorder.record(actor, Tag.STREAM_DISABLED, target=what(stream), after={"reason": reason.lower()})


def resume_stream(*, actor: Actor, stream_id: UUID) -> Stream:
    """It goes on behind the last entry that arrived: at once, if its target had refused.

    A pause by hand does not hurry a target that fails or asks to wait. Raises Denied, NotFound, AlreadyActive.
    """
    selectors.require_both(actor)
    stream = selectors.get_stream(actor, stream_id, lock=True)
    if stream.state == Stream.State.ACTIVE:
        raise AlreadyActive
    if stream.paused_reason == Stream.Reason.REFUSED:
        stream.failing_since = stream.told_at = stream.next_at = None
        stream.failures, stream.said = 0, ""
    stream.state, stream.paused_reason, stream.paused_at = Stream.State.ACTIVE, "", None
    stream.save(
        update_fields=[
            *("state", "paused_reason", "paused_at", "failing_since", "told_at", "next_at", "failures", "said")
        ]
    )
    recorder.record(actor, Tag.STREAM_ENABLED, target=what(stream))
    return stream


def remove_stream(*, actor: Actor, stream_id: UUID) -> None:
    """Remove it with its secret and its positions. Raises Denied, NotFound."""
    selectors.require_both(actor)
    stream = selectors.get_stream(actor, stream_id, lock=True)
    before = told(stream, [position.log for position in selectors.list_positions(stream)])
    named = what(stream)
    stream.delete()
    recorder.record(actor, Tag.STREAM_REMOVED, target=named, before=before)


def _settings(
    kind: str, name: str, target: Mapping[str, Any], given: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    """What a stream is set to, checked. `known`: of the secret what HQ has, which nobody may give. Raises Invalid."""
    if kind not in TARGETS:
        fault = f"One of {', '.join(TARGETS)}."
        raise Invalid("There is no such kind of target.", errors=[{"pointer": "/kind", "detail": fault}])
    kept, sealed, faults = TARGETS[kind].clean(target, {**known, **given})
    faults = unread(target, TARGETS[kind].texts, "target") + unread(given, TARGETS[kind].secrets, "secret") + faults
    if faults:
        raise Invalid("The stream cannot be set like this.", errors=faults)
    return {"name": clean_name(name, most=NAME_MOST), "target": kept, "secret": sealed}


def _require_same_reader(stream: Stream, target: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises Invalid."""
    shown_to = TARGETS[stream.kind].shown_to
    if not stream.secret.get("value") or given.get("value") or shown_to(target) == shown_to(stream.target):
        return
    fault: FieldError = {"pointer": "/secret/value", "detail": "It was entered for another server. Enter it again."}
    raise Invalid("The stream cannot be set like this.", errors=[fault])


def list_sent(actor: Actor) -> list[str]:
    """The logs that can be sent from the actor's environment. What is of the whole organization goes with live."""
    live = environment_of(actor) == actor.home_environment_id
    return [sent.value for sent in Sent if live or sent is not Sent.ORGANIZATION]


def _logs(actor: Actor, logs: Iterable[str]) -> list[str]:
    wanted, known = sorted(set(logs)), list_sent(actor)
    if not wanted or not set(wanted) <= set(known):
        fault: FieldError = {"pointer": "/logs", "detail": f"Choose at least one of {', '.join(known)}."}
        raise Invalid("The stream cannot be set like this.", errors=[fault])
    return wanted


def _add_positions(stream: Stream, logs: Iterable[str], *, from_now: bool) -> None:
    lengths = selectors.lengths_of(stream.organization_id, stream.environment_id) if from_now else {}
    Position.objects.bulk_create(
        [
            Position(
                organization_id=stream.organization_id,
                stream_id=stream.id,
                log=log,
                acknowledged=lengths.get(log, 0),
            )
            for log in logs
        ]
    )


def what(stream: Stream) -> What:
    return What("stream", stream.id, stream.name)


def told(stream: Stream, logs: Iterable[str]) -> dict[str, Any]:
    """What the trail says of it. An address may carry a secret, so its place alone."""
    place = TARGETS[stream.kind].place(stream.target)
    return {"name": stream.name, "kind": stream.kind, "place": place, "logs": sorted(logs)}
