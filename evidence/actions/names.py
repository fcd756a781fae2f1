"""Keeps the names of a trail findable: read from its events by a worker, so that an act pays nothing for it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson

from audit import selectors as trail
from audit.tags import Log
from evidence.actions.checkpoints import tell_altered
from evidence.models.explorer import NamesRead, TrailName, TrailWord
from evidence.selectors.search import beginnings_of, token, words_of
from jobs.registry import RunningJob
from keys import selectors as keys

NAMES: Final = "evidence.names"
PAGE: Final = 500


def read_names(job: RunningJob) -> None:
    """Learn the names in what was added to a trail since the last time. Killed anywhere, it goes on from there."""
    environment_id = UUID(job.payload["environment_id"])
    while True:
        with job.step():
            if not _read_page(job.organization_id, environment_id):
                return


def _read_page(organization_id: UUID, environment_id: UUID) -> bool:
    """True if there may be more. One reads at a time: the place is locked."""
    NamesRead.objects.bulk_create(
        [NamesRead(organization_id=organization_id, environment_id=environment_id)], ignore_conflicts=True
    )
    place = NamesRead.objects.select_for_update(no_key=True).get(environment_id=environment_id)
    entries, upto, more = _next_entries(organization_id, environment_id, place.index)
    seen: dict[tuple[str, str, str], None] = {}
    for entry in entries:
        seen |= dict.fromkeys(_named(entry))
    _keep(organization_id, environment_id, list(seen))
    place.index = upto
    place.save(update_fields=["index"])
    return more


def _next_entries(organization_id: UUID, environment_id: UUID, after: int) -> tuple[Sequence[trail.Entry], int, bool]:
    """A page of entries, up to where all is read with them, and whether there may be more.

    It ends with an altered entry, which is told, and has no names that could be believed.
    """
    of = organization_id, environment_id, Log.ADMIN
    try:
        entries = trail.page_log(*of, after=after, limit=PAGE)
    except trail.EntryAltered as fault:
        tell_altered((organization_id, environment_id, Log.ADMIN.value), fault.index)
        return trail.page_log(*of, after=after, limit=fault.index - after - 1), fault.index, True
    return entries, entries[-1].index if entries else after, len(entries) == PAGE


def _named(entry: trail.Entry) -> list[tuple[str, str, str]]:
    """Kind, id and name of the actor and of the target, where they have a name that can still be read."""
    said, detail = orjson.loads(entry.document), entry.detail or {}
    named = (
        (TrailName.Kind.ACTOR, said["actor"]["id"], str(detail.get("actor", ""))),
        (TrailName.Kind.TARGET, said["target"]["id"], str(detail.get("target", ""))),
    )
    return [(str(kind), reference, label) for kind, reference, label in named if words_of(label)]


def _keep(organization_id: UUID, environment_id: UUID, seen: list[tuple[str, str, str]]) -> None:
    digests = {each: keys.blind_index(organization_id, "evidence.name", each[2]) for each in seen}
    known = {
        (kind, reference, bytes(digest))
        for kind, reference, digest in TrailName.objects.filter(
            environment_id=environment_id, digest__in=list(digests.values())
        ).values_list("kind", "reference", "digest")
    }
    new = [
        TrailName(
            organization_id=organization_id,
            environment_id=environment_id,
            kind=kind,
            reference=reference,
            label=label,
            digest=digest,
        )
        for (kind, reference, label), digest in digests.items()
        if (kind, reference, digest) not in known
    ]
    TrailName.objects.bulk_create(new)
    TrailWord.objects.bulk_create(
        [
            TrailWord(
                organization_id=organization_id,
                environment_id=environment_id,
                name=name,
                token=token(organization_id, beginning),
            )
            for name in new
            for beginning in {each for word in words_of(name.label or "") for each in beginnings_of(word)}
        ],
        batch_size=5000,
    )
