"""Rotating the CMK: asking for it, stopping and going on. The work itself is a job's (`reencryption`)."""

from uuid import UUID

from django.db import transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import NotFound, Refused
from jobs import actions as jobs
from keys.actions.records import record_somewhere
from keys.models import Cmk, Rotation
from keys.providers import KeyState
from keys.registry import Notice, tenancy

KIND = "keys.reencrypt"


class KeyNotActive(Refused):
    """This key is not in use; it can neither be rotated nor moved."""


class RotationUnderWay(Refused):
    """A rotation of this key is under way. Wait until it has ended, or go on with it if it is paused."""


class TooFarAlready(Refused):
    """The new version is in use. The rotation can be paused, but not given up."""


class NoRotation(Refused):
    """There is nothing to pause or to go on with; the rotation has ended."""


def target_of(cmk: Cmk) -> Target:
    """How the trail names a CMK."""
    return Target("key", cmk.id, "the organization key")


@transaction.atomic
def rotate_key(*, actor: Actor, key_id: UUID, reason: str = "") -> Rotation:
    """Ask for a new version of the CMK and new data keys, and for everything to be re-encrypted under them.

    Answers at once; a job does it, while reads and writes go on (KEY-2). Raises Denied, NotFound, KeyNotActive,
    RotationUnderWay.
    """
    gate.require(actor, Permission.KEYS_ROTATE)
    cmk = locked_cmk(actor, key_id)
    rotation = begin(actor, cmk)
    recorder.record(
        actor, Tag.KEY_ROTATION_REQUESTED, target=target_of(cmk), before={"version": cmk.version}, reason=reason
    )
    return rotation


def refuse_unless_free(cmk: Cmk) -> None:
    """Raises KeyNotActive, RotationUnderWay."""
    if cmk.state != KeyState.ENABLED:
        raise KeyNotActive
    if Rotation.objects.filter(organization_id=cmk.organization_id, state__in=Rotation.UNFINISHED).exists():
        raise RotationUnderWay


def begin(actor: Actor, cmk: Cmk, *, from_cmk: Cmk | None = None) -> Rotation:
    """Write down that it is to be done, and put in the job. Raises KeyNotActive, RotationUnderWay."""
    if cmk.retired_at is not None and from_cmk is None:
        raise KeyNotActive
    for each in {cmk, from_cmk or cmk}:
        refuse_unless_free(each)
    rotation = Rotation(
        organization_id=actor.organization_id,
        cmk=cmk,
        from_cmk=from_cmk,
        scheduled=actor.kind == "system",
        requested_by_kind=actor.kind,
        requested_by_id=actor.id,
        requested_by_label=actor.label,
    )
    _put_in(rotation)
    rotation.save(force_insert=True)
    return rotation


@transaction.atomic
def pause_rotation(*, actor: Actor, rotation_id: UUID) -> Rotation:
    """Stop after the batch that is being worked on. Both versions stay readable.

    Raises Denied, NotFound, NoRotation.
    """
    gate.require(actor, Permission.KEYS_ROTATE)
    rotation = _locked(actor, rotation_id)
    if rotation.paused_at is None:
        rotation.paused_at = now()
        rotation.save(update_fields=["paused_at"])
        tenancy().tell_keepers(actor.organization_id, _paused(actor))
        record_somewhere(actor, Tag.KEY_ROTATION_PAUSED, target=target_of(rotation.cmk))
    return rotation


@transaction.atomic
def resume_rotation(*, actor: Actor, rotation_id: UUID) -> Rotation:
    """Go on with a paused rotation, or with one whose job gave up. Raises Denied, NotFound, NoRotation."""
    gate.require(actor, Permission.KEYS_ROTATE)
    rotation = _locked(actor, rotation_id)
    rotation.paused_at = None
    _put_in(rotation)
    rotation.save(update_fields=["paused_at", "job_id"])
    record_somewhere(actor, Tag.KEY_ROTATION_RESUMED, target=target_of(rotation.cmk))
    return rotation


@transaction.atomic
def abandon_rotation(*, actor: Actor, rotation_id: UUID) -> Rotation:
    """Give up a rotation or a move that has changed nothing yet, such as one to a key that cannot be used.

    Raises Denied, NotFound, NoRotation, TooFarAlready.
    """
    gate.require(actor, Permission.KEYS_ROTATE)
    rotation = _locked(actor, rotation_id)
    if rotation.state != Rotation.State.REQUESTED:
        raise TooFarAlready
    rotation.state, rotation.finished_at = Rotation.State.ABANDONED, now()
    if rotation.from_cmk_id is not None:
        _put_in(rotation, "given up")  # whatever followed the other key has to come back
    rotation.save(update_fields=["state", "finished_at", "job_id"])
    record_somewhere(actor, Tag.KEY_ROTATION_ABANDONED, target=target_of(rotation.cmk))
    return rotation


def _paused(actor: Actor) -> Notice:
    return Notice(
        subject="The rotation of your organization key is paused",
        sentences=(
            f"{actor.label} paused it. What is not re-encrypted yet stays under the older version meanwhile.",
            "The page of your encryption keys says how far it is, and lets you go on.",
        ),
        path="keys",
    )


def locked_cmk(actor: Actor, key_id: UUID) -> Cmk:
    """A CMK of the actor's organization, locked. Raises NotFound."""
    rows = Cmk.objects.select_for_update(no_key=True).filter(organization_id=actor.organization_id, id=key_id)
    cmk = rows.first()
    if cmk is None:
        raise NotFound
    return cmk


def _locked(actor: Actor, rotation_id: UUID) -> Rotation:
    rows = Rotation.objects.select_for_update(no_key=True, of=("self",)).select_related("cmk")
    rotation = rows.filter(organization_id=actor.organization_id, id=rotation_id).first()
    if rotation is None:
        raise NotFound
    if rotation.state not in Rotation.UNFINISHED:
        raise NoRotation
    return rotation


def _put_in(rotation: Rotation, state: str = "") -> None:
    job = jobs.enqueue(
        KIND,
        organization_id=rotation.organization_id,
        payload={"rotation_id": str(rotation.id)},
        key=f"{rotation.id}:{state}" if state else str(rotation.id),
    )
    rotation.job_id = job.id
