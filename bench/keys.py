"""Rotating an organization's key: how fast, in how much memory, beside readers and writers, and with workers killed.

The whole way counts for us: the job's claims and steps, its rests, counting before and after, and signs of life.
"""

from django.db import transaction
from django.test.utils import override_settings

from bench.figures import Figure, Report, seconds
from bench.rotation_kills import SEED, Outcome, kill_workers
from bench.rotation_load import Load
from bench.rotation_rows import Race, Rows, ask, make_rows, race, rotation_of, work_through
from hq.db.context import tenant
from keys.models import Rotation
from tests.factories import Place, make_place
from tests.keys.support import settle

NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
MIB = 1024 * 1024
ASKED = 20


def measure(*, rows: int = 1_000_000, hands: int = 2, few: int = 3000, kills: int = 200) -> Report:
    empty, many = make_place(), make_rows(make_place(), rows)
    of_none, of_many = _requests(empty), _requests(many.place)
    with override_settings(EMAIL_BACKEND=NO_MAIL):
        run = _race(many)
        load, loaded = _under_load(many, hands)
        killed = kill_workers(make_rows(make_place(), few), kills)
    return Report(
        sizes=f"{rows:,} rows of one sealed column, {len(run.ours)} slices in turn; {hands} processes read and write;"
        f" {kills} kills (seed {SEED}) on {few:,} rows",
        figures=[
            Figure(what="re-encrypting, of a plain UPDATE", samples=[run.ratio], at_least=0.5),
            Figure(what="peak memory over idle", samples=[run.memory / MIB], unit=" MiB", at_most=50),
            Figure(what="of it after the first tenth", samples=[run.growth / MIB], unit=" MiB", at_most=5),
            *_of_load(load),
            *_of_kills(killed, kills),
            Figure(what="slowest of 20 requests, many rows", samples=[max(of_many)], unit=" ms", at_most=100),
        ],
        beside={
            "re-encrypting": f"{run.rows / sum(run.ours):,.0f}/s, {run.rested / sum(run.ours):.0%} of it rests",
            "plain UPDATE": f"{run.rows / sum(run.plain):,.0f}/s",
            "beside readers and writers": f"{rows / loaded:,.0f}/s; {load.total('reads') / loaded:,.0f} reads and"
            f" {load.total('writes') / loaded:,.0f} writes a second",
            "reads and writes": f"{load.total('reads'):,} and {load.total('writes'):,}",
            "kills fell into": ", ".join(f"{where} {count}" for where, count in killed.during.most_common()),
            "rotations with kills": f"{killed.rotations}",
            "slowest of 20 requests, no rows": f"{max(of_none):.1f} ms",
        },
    )


def _of_load(load: Load) -> list[Figure]:
    told = {"failed reads and writes": "failed", "wrong reads": "wrong"}
    counted = [Figure(what=what, samples=[load.total(name)], unit="", at_most=0) for what, name in told.items()]
    return [*counted, Figure(what="writes that were put back", samples=[load.put_back()], unit="", at_most=0)]


def _of_kills(killed: Outcome, kills: int) -> list[Figure]:
    return [
        Figure(what="workers killed", samples=[killed.kills], unit="", at_least=kills, at_most=kills),
        Figure(what="unreadable rows and files after it", samples=[killed.unreadable], unit="", at_most=0),
        Figure(what="rows and data keys on an older version", samples=[killed.left], unit="", at_most=0),
        Figure(
            what="rotations without a signed statement",
            samples=[killed.rotations - killed.signed],
            unit="",
            at_least=0,
            at_most=0,
        ),
    ]


def _requests(place: Place) -> list[float]:
    """Milliseconds of each request, less its commit: it is undone, so that there can be another."""
    return [seconds(lambda: _ask_in_vain(place)) * 1000 for _ in range(ASKED)]


def _ask_in_vain(place: Place) -> None:
    with tenant(place.id):
        ask(place)
        transaction.set_rollback(True)


def _race(many: Rows) -> Race:
    ask(many.place)
    run = race(many)
    _end(many)
    return run


def _under_load(many: Rows, hands: int) -> tuple[Load, float]:
    ask(many.place)
    with Load(many, hands) as load:
        taken = seconds(lambda: work_through(many.place))
    _end(many)
    return load, taken


def _end(many: Rows) -> None:
    settle(many.place.id)
    if rotation_of(many.place).state != Rotation.State.DONE:
        raise AssertionError("The rotation did not end.")
