"""What the trail costs an administrative action: revoking an API key, which is one locked read, one write, one event.

Without the event the same action runs with `recorder.record` doing nothing. Each action is a transaction of its own,
committed with synchronous_commit and fsync on. The leaner the action the more its event weighs: this one is as lean as
they come.
"""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from django.conf import settings

from audit import recorder
from audit.verify import walk
from bench.figures import Figure, Report, rate, ratios, seconds, take_turns
from bench.hands import together
from bench.raw import commits, syncs
from hq.authz.permissions import SCOPES
from hq.db.context import tenant
from hq.lib.ids import new_id
from tenants.actions import revoke_api_key
from tenants.models import ApiKey
from tests.factories import Place, make_place


def measure(*, rounds: int = 15, actions: int = 100, writers: int = 8) -> Report:
    place = make_place()

    def chained() -> float:
        return _one_by_one(place, actions)

    def silent() -> float:
        with patch.object(recorder, "record", _nothing):
            return _one_by_one(place, actions)

    def crowd() -> float:
        return _together(place, actions, writers)

    def silent_crowd() -> float:
        with patch.object(recorder, "record", _nothing):
            return _together(place, actions, writers)

    def raw() -> float:
        return commits(actions)

    def raw_crowd() -> float:
        return commits(actions * writers, hands=writers)

    def synced() -> float:
        return syncs(actions, Path(settings.DATA_DIR))

    take_turns(1, chained, silent)  # to warm up
    with_event, without, alone, disk = take_turns(rounds, chained, silent, raw, synced)
    many, many_without, crowded = take_turns(max(1, rounds // 5), crowd, silent_crowd, raw_crowd)
    all_of_them = actions * writers
    return Report(
        sizes=f"{actions} actions a round and writer; the chain is verified afterwards",
        figures=[
            Figure(what="one writer, of the same without the event", samples=ratios(without, with_event), at_least=0.5),
            Figure(what="the whole chain verifies", samples=[float(_verified(place))], unit="", at_least=1, at_most=1),
        ],
        beside={
            "one writer": f"{rate(actions, with_event)}, without the event {rate(actions, without)}",
            f"{writers} writers on one chain": f"{rate(all_of_them, many)}, without {rate(all_of_them, many_without)}",
            "raw single-row commits, one connection": rate(actions, alone),
            f"raw single-row commits, {writers} connections": rate(all_of_them, crowded),
            "raw write + fdatasync": rate(actions, disk),
        },
    )


def _nothing(*_arguments: object, **_more: object) -> None:
    """Stands in for recording."""


def _verified(place: Place) -> bool:
    with tenant(place.id):
        return walk(place.id, place.live_id).ok


def _one_by_one(place: Place, count: int) -> float:
    keys = _api_keys(place, count)
    return seconds(lambda: _revoke(place, keys))


def _together(place: Place, count: int, writers: int) -> float:
    """Each has keys of its own, so they meet at the head of the chain only."""
    keys = [_api_keys(place, count) for _ in range(writers)]
    return together(writers, lambda number: _revoke(place, keys[number]))


def _revoke(place: Place, keys: list[UUID]) -> None:
    actor = place.actor()
    for key_id in keys:
        with tenant(place.id):
            revoke_api_key(actor=actor, key_id=key_id)


def _api_keys(place: Place, count: int) -> list[UUID]:
    """Rows as `create_api_key` leaves them, less its slow hash."""
    with tenant(place.id):
        return [key.id for key in ApiKey.objects.bulk_create(_rows(place, count))]


def _rows(place: Place, count: int) -> Iterator[ApiKey]:
    for number in range(count):
        key_id = new_id()
        yield ApiKey(
            id=key_id,
            organization_id=place.id,
            environment_id=place.live_id,
            name=f"Bench {number}",
            lookup=key_id.bytes,
            hash="$argon2id$none",
            hint="0000",
            scopes=sorted(SCOPES),
            created_by_id=place.owner.pk,
        )
