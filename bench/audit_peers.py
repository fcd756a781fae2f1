"""Peers: the same model saved with django-simple-history, django-auditlog, django-easy-audit, django-pghistory and HQ.

Each is in a process of its own, as most of them listen to what every model of a process does. They take turns, on one
database, a few saves each: a transaction that is committed, one changed row, and who did it, in each one's own way.
"""

# ruff: noqa: S608, SLF001 - tables of the bench's own, by Django's documented name for them
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, connections, models, transaction
from django.test.utils import override_settings

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from bench.access_data import administrator
from bench.figures import Figure, Report, rate, ratios, seconds, take_turns
from bench.hands import FORK
from hq.db.context import tenant
from hq.lib.ids import new_id
from tenants.actions import create_group
from tenants.models import Group
from tests.factories import Place, make_place
from tests.operators import as_owner

SAVES, ROWS = 10, 50
PEERS = ("django-simple-history", "django-auditlog", "django-easy-audit")
Save = Callable[[Any], None]


@dataclass
class Contender:
    """Which apps it needs, and what its tables and its save are, once they are there."""

    name: str
    apps: tuple[str, ...]
    prepare: Callable[["Contender", Place], Save]
    tables: list[type[models.Model]] = field(default_factory=list)
    events: str = ""  # the table that its events are in
    functions: str = "^$"  # what those are called that stay when its tables go
    finish: Callable[[], object] = nullcontext  # what its migrations would do beside making tables


def _thing(name: str, **more: Any) -> Any:
    """The model that everybody saves: what a small row of a business application has."""
    meta = type("Meta", (), {"app_label": "bench", "db_table": f"bench_{name.lower()}"})
    return type(
        name,
        (models.Model,),
        {
            "__module__": __name__,
            "Meta": meta,
            "id": models.UUIDField(primary_key=True, default=new_id),
            "organization_id": models.UUIDField(null=True),
            "name": models.CharField(max_length=80),
            "state": models.CharField(max_length=20, default="NEW"),
            "days": models.IntegerField(default=0),
            "changed_at": models.DateTimeField(auto_now=True),
            **more,
        },
    )


def _changed(row: Any) -> tuple[int, int]:
    before, row.days = row.days, (row.days + 1) % 30
    return before, row.days


# ---- the contenders


def _plain(made: Contender, _place: Place) -> Save:
    made.tables = [_thing("Plain")]

    def save(row: Any) -> None:
        with transaction.atomic():
            _changed(row)
            row.save()

    return save


def _hq(made: Contender, place: Place) -> Save:
    made.tables, made.events, actor = [_thing("Ours")], "audit_auditevent", place.actor()

    def save(row: Any) -> None:
        with tenant(place.id):
            before, after = _changed(row)
            row.save()
            target = Target("thing", row.pk, row.name)
            recorder.record(actor, Tag.GROUP_RENAMED, target=target, before={"days": before}, after={"days": after})

    return save


def _simple_history(made: Contender, place: Place) -> Save:
    from simple_history.models import HistoricalRecords

    model = _thing("Simple", history=HistoricalRecords())
    made.tables, made.events = [model, model.history.model], model.history.model._meta.db_table

    def save(row: Any) -> None:
        with transaction.atomic():
            _changed(row)
            row._history_user = place.owner
            row.save()

    return save


def _auditlog(made: Contender, place: Place) -> Save:
    from auditlog.context import set_actor
    from auditlog.models import LogEntry
    from auditlog.registry import auditlog

    model = _thing("Logged")
    auditlog.register(model)
    made.tables, made.events = [model, LogEntry], LogEntry._meta.db_table
    return _as(lambda: set_actor(place.owner))


def _easy_audit(made: Contender, place: Place) -> Save:
    from easyaudit.middleware.easyaudit import set_current_user
    from easyaudit.models import CRUDEvent

    made.tables, made.events = [_thing("Easy"), CRUDEvent], CRUDEvent._meta.db_table
    set_current_user(place.owner)
    return _as(nullcontext)


def _pghistory(made: Contender, place: Place) -> Save:
    import pghistory
    from pghistory.models import Context

    sys.modules["bench.models"] = sys.modules[__name__]  # where it puts the model of its events

    model = pghistory.track()(_thing("Tracked"))
    event = model.events.rel.related_model
    made.tables, made.events = [Context, model, event], event._meta.db_table
    made.finish, made.functions = Context.install_pgh_attach_context_func, "^_?pg(trigger|h)_"
    return _as(lambda: pghistory.context(user=str(place.owner.pk)))


def _as(acting: Callable[[], AbstractContextManager[Any]]) -> Save:
    def save(row: Any) -> None:
        with acting(), transaction.atomic():
            _changed(row)
            row.save()

    return save


CONTENDERS = (
    Contender("plain", (), _plain),
    Contender("HQ", (), _hq),
    Contender(PEERS[0], ("simple_history",), _simple_history),
    Contender(PEERS[1], ("auditlog",), _auditlog),
    Contender(PEERS[2], ("easyaudit",), _easy_audit),
    Contender("django-pghistory", ("pgtrigger", "pghistory"), _pghistory),
)


# ---- taking turns


def measure(*, rounds: int = 60) -> Report:
    place = make_place()
    with _running(CONTENDERS, place) as hands:
        asking = [lambda hand=hand: _asked(hand, "save") for hand in hands]
        take_turns(3, *asking)  # to warm up
        taken = dict(zip([each.name for each in CONTENDERS], take_turns(rounds, *asking), strict=True))
        seen = {each.name: _asked(hand, "see") for each, hand in zip(CONTENDERS, hands, strict=True)}
    ours = taken["HQ"]
    figures = [Figure(what=f"ahead of {peer}", samples=ratios(taken[peer], ours), at_least=1) for peer in PEERS]
    noted = float(_noted(place))
    figures.append(Figure(what="bulk and SQL seen on a watched table", samples=[noted], unit="", at_least=3, at_most=3))
    return Report(
        sizes=f"{SAVES} saves a round of one of {ROWS} rows, in turns",
        figures=figures,
        beside={
            **{name: rate(SAVES, times) for name, times in taken.items()},
            **{f"events of a save, a bulk update and SQL with {name}": said for name, said in seen.items()},
        },
    )


def _noted(place: Place) -> int:
    """What HQ's triggers note of a bulk update of two rows and of SQL past the application, as pghistory's do."""
    with tenant(place.id):
        groups = [create_group(actor=place.actor(), name=name) for name in ("Claims", "Underwriting")]

    def write() -> None:
        with tenant(place.id):
            Group.objects.filter(organization_id=place.id).update(source=Group.Source.DIRECTORY)
        with administrator() as link:
            link.execute("UPDATE tenants_group SET name = 'Raw' WHERE id = %s", [groups[0].pk])

    return _left("audit_change", write)


@contextmanager
def _running(contenders: tuple[Contender, ...], place: Place) -> Iterator[list[Connection]]:
    connections.close_all()
    hands, processes = [], []
    for each in contenders:
        ours, theirs = FORK.Pipe()
        process = FORK.Process(target=_serve, args=(each, place, theirs), daemon=True)
        process.start()
        theirs.close()  # or nobody would notice here that the process is gone
        try:
            ours.recv()
        except EOFError as error:
            raise RuntimeError(f"{each.name} could not be measured; the reason stands above.") from error
        hands.append(ours)
        processes.append(process)
    try:
        yield hands
    finally:
        for hand, process in zip(hands, processes, strict=True):
            hand.send("end")
            process.join()


def _asked(hand: Connection, what: str) -> Any:
    hand.send(what)
    return hand.recv()


def _serve(each: Contender, place: Place, asked: Connection) -> None:
    """A contender's process: it saves when it is asked to, and says how long that took."""
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "bench", *each.apps]):
        save = each.prepare(each, place)
        try:
            _make_tables(each)
            _answer(each, save, asked)
        finally:
            _drop_tables(each)


def _answer(each: Contender, save: Save, asked: Connection) -> None:
    model = next(table for table in each.tables if table.__module__ == __name__)
    rows = [model._default_manager.create(name=f"Thing {number}") for number in range(ROWS)]
    asked.send("ready")
    turn = 0
    while (what := asked.recv()) != "end":
        if what == "save":
            some = [rows[(turn * SAVES + number) % ROWS] for number in range(SAVES)]
            turn += 1
            asked.send(seconds(partial(_save_all, save, some)))
        else:
            asked.send(_seen(each, model, save, rows[0]) if each.events else "none")


def _save_all(save: Save, rows: list[Any]) -> None:
    for row in rows:
        save(row)


# The next number of a database that tests have emptied may be one that is there.
_KIND = (
    "INSERT INTO django_content_type (id, app_label, model)"
    " SELECT coalesce(max(id), 0) + 1, %s, %s FROM django_content_type"
)


def _make_tables(each: Contender) -> None:
    """As the administrator, whose own role HQ is not; with the triggers, where a contender has any."""
    with connection.schema_editor(collect_sql=True) as editor:
        for table in each.tables:
            editor.create_model(table)
    with administrator() as link:
        for statement in editor.collected_sql:
            if not statement.startswith("--"):
                link.execute(statement)
        with as_owner():
            each.finish()
        for table in each.tables:
            for trigger in getattr(table._meta, "triggers", []):
                link.execute(trigger.compile(table).install_sql)
            link.execute(f"GRANT ALL ON {table._meta.db_table} TO hq_app")
            kind = [table._meta.app_label, table._meta.model_name]
            link.execute(_KIND, kind)


def _drop_tables(each: Contender) -> None:
    """With everything that came with them."""
    with administrator() as link:
        for table in each.tables:
            link.execute(f"DROP TABLE IF EXISTS {table._meta.db_table} CASCADE")
        for table in each.tables:
            kind = [table._meta.app_label, table._meta.model_name]
            link.execute("DELETE FROM django_content_type WHERE app_label = %s AND model = %s", kind)
        for (name,) in link.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE proname ~ %s", [each.functions]):
            link.execute(f"DROP FUNCTION {name}")


def _seen(each: Contender, model: Any, save: Save, row: Any) -> str:
    """How many events a save, a bulk update of two rows, and SQL past the application each leave."""
    two: list[UUID] = list(model.objects.values_list("pk", flat=True)[:2])

    def bulk() -> None:
        model.objects.filter(pk__in=two).update(state="BULK")

    def raw() -> None:
        with administrator() as link:
            link.execute(f"UPDATE {model._meta.db_table} SET state = 'RAW' WHERE id = %s", [row.pk])

    return " / ".join(str(_left(each.events, work)) for work in (lambda: save(row), bulk, raw))


def _left(table: str, work: Callable[[], object]) -> int:
    def count() -> int:
        with administrator() as link:
            row = link.execute(f"SELECT count(*) FROM {table}").fetchone()
            return int(row[0]) if row else 0

    before = count()
    work()
    return count() - before
