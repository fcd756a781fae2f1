"""What the trail costs, and how fast it is put in order, proved and cleaned.

An audited save is one row saved by the ORM and one event, in a transaction that is committed with synchronous_commit
and fsync on; a plain save is the same without the event. As Django's `save` does, it writes the whole row. Beside it
stands the save that costs least, of one column alone. What changes is a column that no trigger watches, as that would
note the plain save.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from audit.verify import walk
from bench.audit_log import redaction, sequencing
from bench.audit_schedule import scheduled
from bench.figures import Figure, Report, rate, ratios, seconds, take_turns
from bench.hands import together
from bench.raw import commits, syncs
from hq.authz.permissions import SCOPES
from hq.db.context import tenant
from hq.lib.ids import new_id
from tenants.models import ApiKey
from tests.factories import Place, make_place


def measure(
    *, rounds: int = 15, actions: int = 100, writers: int = 8, lines: int = 100_000, scheduled_acts: int = 10
) -> Report:
    place = make_place()
    keys = _api_keys(place, actions * writers)

    def saving(*, tell: bool, only: list[str] | None = None) -> Callable[[], float]:
        return lambda: seconds(lambda: _save(place, keys[:actions], tell=tell, only=only))

    def crowd() -> float:
        return _together(place, keys, writers, tell=True)

    def plain_crowd() -> float:
        return _together(place, keys, writers, tell=False)

    def raw() -> float:
        return commits(actions)

    def synced() -> float:
        return syncs(actions, Path(settings.DATA_DIR))

    saves = [saving(tell=tell, only=only) for only in (None, ["warned_days"]) for tell in (True, False)]
    take_turns(1, *saves)  # to warm up
    with_event, without, told_of_one, of_one, alone, disk = take_turns(rounds, *saves, raw, synced)
    many, many_without = take_turns(max(1, rounds // 5), crowd, plain_crowd)
    all_of_them = actions * writers
    saved = Figure(what="an audited save, of a plain one", samples=ratios(without, with_event), at_least=0.7)
    whole = Figure(what="the whole chain verifies", samples=[float(_verified(place))], unit="", at_least=1, at_most=1)
    order, told = sequencing(make_place(), lines, rounds=max(1, rounds // 5))
    clean, said = redaction(rounds)
    return Report(
        sizes=f"{actions} saves a round and writer, {lines:,} lines of the access log, texts of 1 kB",
        figures=[saved, whole, *order, *clean, *([scheduled(make_place(), scheduled_acts)] if scheduled_acts else [])],
        beside={
            "one writer": f"{rate(actions, with_event)}, without the event {rate(actions, without)}",
            "one column alone": f"{rate(actions, told_of_one)}, without the event {rate(actions, of_one)}",
            f"{writers} writers on one chain": f"{rate(all_of_them, many)}, without {rate(all_of_them, many_without)}",
            "raw single-row commits, one connection": rate(actions, alone),
            "raw write + fdatasync": rate(actions, disk),
            **told,
            **said,
        },
    )


def _verified(place: Place) -> bool:
    with tenant(place.id):
        return walk(place.id, place.live_id).ok


def _together(place: Place, keys: list[ApiKey], writers: int, *, tell: bool) -> float:
    """Each has rows of its own, so they meet at the head of the chain only."""
    share = len(keys) // writers
    return together(writers, lambda number: _save(place, keys[number * share :][:share], tell=tell))


def _save(place: Place, keys: list[ApiKey], *, tell: bool, only: list[str] | None = None) -> None:
    actor = place.actor()
    for key in keys:
        with tenant(place.id):
            before = key.warned_days
            key.warned_days = ((before or 0) + 1) % 30
            key.save(update_fields=only)
            if tell:
                recorder.record(
                    actor,
                    Tag.API_KEY_EXPIRING,
                    target=Target("api_key", key.id, key.name),
                    before={"warned_days": before},
                    after={"warned_days": key.warned_days},
                )


def _api_keys(place: Place, count: int) -> list[ApiKey]:
    """Rows as `create_api_key` leaves them, less its slow hash."""
    with tenant(place.id):
        return ApiKey.objects.bulk_create(_rows(place, count))


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
