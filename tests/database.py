"""The pytest plugin behind bin/test: services of its own, one migrated template, a clone of it per worker.

Loaded early (`-p tests.database`), because settings read the environment when pytest-django imports them. Tests run as
hq_app, never as the owner and never as a superuser. After a test that commits, the cluster's administrator empties what
it filled, which takes two milliseconds; a fresh clone, which takes two hundred with what has to be read anew, follows
where a test went behind HQ's back, and now and then.
"""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from xdist.workermanage import NodeManager

from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout
from hq.embedded.postgres import SUPERUSER
from hq.embedded.services import Services
from tests import prepared

HOME = "HQ_TEST_HOME"  # the run's folder; set means that the services are somebody else's to start
TEMPLATE = "hq"
# Machine facts that a test run takes over; every other HQ_ variable of the person's is left out.
KEPT_VARIABLES = {"HQ_PG_BIN", "HQ_PYTHON", "HQ_VENV", "HQ_CHROMIUM", "HQ_KILLS", HOME}
FIRST_PORT, PORTS_PER_WORKER = 20_000, 400  # all below 32768: a port above may be some connection's outgoing end


def home() -> Path:
    return Path(os.environ[HOME])


def cluster() -> Layout:
    return Layout(home() / "services")


# ---- the environment, before settings are imported


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    if HOME not in os.environ:
        # A short name: a Unix socket's path has 107 bytes at most.
        os.environ[HOME] = tempfile.mkdtemp(prefix="hqt-")
        home().chmod(0o755)  # PostgreSQL runs as nobody when we are root
        for name in [name for name in os.environ if name.startswith("HQ_") and name not in KEPT_VARIABLES]:
            del os.environ[name]
        os.environ.update(environment("main", 0))
    return (yield)


def environment(worker: str, index: int) -> dict[str, str]:
    """What one worker's processes need: data directory, Valkey database and port of its own, the cluster in common."""
    data = home() / worker
    data.mkdir(exist_ok=True)
    port, edge, live = (str(free_port(index)) for _ in range(3))
    given = Layout(data, port=int(port)).environment() | {"HQ_DATA_DIR": str(data)}
    services = cluster().environment()
    ours = {
        "HQ_DATABASE_URL": services["HQ_DATABASE_URL"],
        "HQ_REDIS_URL": services["HQ_REDIS_URL"].replace("db=0", f"db={index}"),
        "HQ_BASE_URL": f"http://localhost:{port}",
        "HQ_PORT": port,
        "HQ_EDGE_PORT": edge,
        "HQ_LIVE_PORT": live,
        "HQ_LIVE_URL": "",  # nobody serves it but in tests of its own
        "HQ_EDGE_URL": f"http://edge.localhost:{edge}",
        "HQ_STATIC_DIR": str(prepared.static_folder()),
        "HQ_LOG_LEVEL": "WARNING",
        # Every test comes from the same address; those of limits set their own.
        **{f"HQ_LIMIT_{name}": "1000000/s" for name in ("IP", "KEY", "ORGANIZATION", "UNKNOWN")},
        "DJANGO_LIVE_TEST_SERVER_ADDRESS": f"localhost:{port}",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's synchronous calls run inside an event loop
    }
    return {name: value for name, value in (given | ours).items() if os.environ.get(name) != value}


_asked = count(os.getpid() * 7)  # another run may share the range, so each starts at a place of its own


def free_port(index: int) -> int:
    """A free port of the worker's range. One that was handed out comes again last: its server may not listen yet."""
    first = FIRST_PORT + index * PORTS_PER_WORKER
    for asked in islice(_asked, PORTS_PER_WORKER):
        port = first + asked % PORTS_PER_WORKER
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.exit(f"No free port from {first} to {first + PORTS_PER_WORKER}.", returncode=1)


def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    for index, spec in enumerate(specs, start=1):
        spec.env.update(environment(spec.id or f"gw{index - 1}", index))


# ---- the services, started once by the process that the person started

_services: list[Services] = []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or _services:
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster().prepare()
        prepared.fill(cluster())
        services = Services(cluster(), fleeting=True)
        services.start()
    except CannotStart as error:
        pytest.exit(str(error), returncode=1)
    _services.append(services)


def pytest_keyboard_interrupt() -> None:
    """Workers do not hear Ctrl-C; a person need not wait ten seconds for them."""
    NodeManager.EXIT_TIMEOUT = 1


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or HOME not in os.environ:
        return
    while _services:
        _services.pop().stop()
    shutil.rmtree(home(), ignore_errors=True)


# ---- one database per worker


def database_name() -> str:
    return f"hq_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def fresh_database() -> None:
    """Drop the worker's database, whoever is still connected, and clone the template again."""
    name = sql.Identifier(database_name())
    with psycopg.connect(
        host=str(cluster().postgres_sockets), user=SUPERUSER, dbname="postgres", autocommit=True
    ) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(
            sql.SQL("CREATE DATABASE {} OWNER hq_owner TEMPLATE {} STRATEGY file_copy").format(
                name, sql.Identifier(TEMPLATE)
            )
        )
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO hq_app, hq_edge").format(name))


# What the migrations fill, and nothing else does.
FILLED = ("auth_permission", "django_content_type", "django_migrations")
KEPT = {*FILLED, *(f"{table}_id_seq" for table in FILLED)}
EMPTIED_MOST = 200  # deleted rows are still passed over: a clone has none


class Leftovers:
    """What tests leave behind in the worker's database, and how it goes."""

    emptied = 0
    behind_our_back = False  # somebody was there as the administrator: the schema may be another one

    def clear(self) -> None:
        if self.behind_our_back or self.emptied >= EMPTIED_MOST or not self._emptied():
            fresh_database()
            self.emptied, self.behind_our_back = 0, False
        self.emptied += 1

    def _emptied(self) -> bool:
        """False where a connection that a test left open holds what has to go."""
        with _administrator() as admin:
            found = admin.execute(
                "SELECT relname, relkind FROM pg_class"
                " WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            tables = [sql.Identifier(name) for name, kind in found if kind == "r" and name not in KEPT]
            # As a replica: neither foreign keys nor the append-only triggers are asked.
            admin.execute("SET session_replication_role = replica; SET lock_timeout = '500ms'")
            try:
                with admin.transaction():
                    admin.execute(sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table in tables))
            except psycopg.errors.LockNotAvailable:
                return False
            counters = [sql.Literal(name) for name, kind in found if kind == "S" and name not in KEPT]
            restart = [sql.SQL("setval({}, 1, false)").format(name) for name in counters]
            admin.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(restart)))
        return True


leftovers = Leftovers()


def _teardown(_test: Any) -> None:
    """Stands in for the flush, which needs TRUNCATE and meets the append-only triggers."""
    from django.db import connections

    connections.close_all()
    leftovers.clear()
    _platform_keys()


def _platform_keys() -> None:
    """An empty database holds no keys of the deployment; what the running role does at start is done here too.

    With the provider of every test that names none: the settings of the one that has just ended may still stand.
    """
    from django.test import override_settings

    from hq.db.models import PLATFORM_ID
    from keys import rings
    from keys.actions import ensure_platform_keys

    rings.cache.forget(PLATFORM_ID)
    with override_settings(KEY_PROVIDER="embedded"):
        ensure_platform_keys()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Replaces pytest-django's: no test database is created by Django, as hq_app may not."""
    from django.db import connection
    from django.test import TransactionTestCase

    fresh_database()
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        connection.close()
        connection.settings_dict["NAME"] = database_name()
        patch.setattr(TransactionTestCase, "_fixture_teardown", _teardown)
        _platform_keys()
        yield
        connection.close()


def as_superuser() -> psycopg.Connection:
    """The cluster's administrator on this worker's database: for planting what HQ itself could never do."""
    leftovers.behind_our_back = True
    return _administrator()


def _administrator() -> psycopg.Connection:
    return psycopg.connect(
        host=str(cluster().postgres_sockets), user=SUPERUSER, dbname=database_name(), autocommit=True
    )
