"""The pytest plugin behind bin/test: services of its own, one migrated template, a clone of it per worker.

Loaded early (`-p tests.database`), because settings read the environment when pytest-django imports them. Tests run as
hq_app, never as the owner and never as a superuser: neither TRUNCATE nor a right to delete events is ever needed, as a test
that commits gets a fresh clone instead of a flush.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout
from hq.embedded.locks import Lock
from hq.embedded.postgres import SUPERUSER, find_programs
from hq.embedded.services import Services

ROOT = Path(__file__).resolve().parent.parent
HOME = "HQ_TEST_HOME"  # the run's folder; set means that the services are somebody else's to start
TEMPLATE = "hq"
KEPT_CLUSTERS = 3
# Machine facts that a test run takes over; every other HQ_ variable of the person's is left out.
KEPT_VARIABLES = {"HQ_PG_BIN", "HQ_PYTHON", "HQ_VENV", "HQ_CHROMIUM", HOME}
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
    """What one worker's processes need: a data directory, a Valkey database and ports of its own, the cluster in common."""
    data = home() / worker
    data.mkdir(exist_ok=True)
    port = str(free_port(index))
    given = Layout(data, port=int(port)).environment() | {"HQ_DATA_DIR": str(data)}
    services = cluster().environment()
    ours = {
        "HQ_DATABASE_URL": services["HQ_DATABASE_URL"],
        "HQ_REDIS_URL": services["HQ_REDIS_URL"].replace("db=0", f"db={index}"),
        "HQ_BASE_URL": f"http://localhost:{port}",
        "HQ_PORT": port,
        "HQ_LOG_LEVEL": "WARNING",
        "DJANGO_LIVE_TEST_SERVER_ADDRESS": f"localhost:{port}",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's synchronous calls run inside an event loop
    }
    return {name: value for name, value in (given | ours).items() if os.environ.get(name) != value}


def free_port(index: int) -> int:
    """A free port of the worker's range. Another run on this machine may share the range, hence the start by process."""
    first = FIRST_PORT + index * PORTS_PER_WORKER
    for step in range(PORTS_PER_WORKER):
        port = first + (os.getpid() * 7 + step) % PORTS_PER_WORKER
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
        with_template(cluster())
        services = Services(cluster(), fleeting=True)
        services.start()
    except CannotStart as error:
        pytest.exit(str(error), returncode=1)
    _services.append(services)


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or HOME not in os.environ:
        return
    while _services:
        _services.pop().stop()
    shutil.rmtree(home(), ignore_errors=True)


# ---- the template: a stopped cluster with everything migrated, kept between runs under the hash of what made it


def with_template(layout: Layout) -> None:
    """Fill the layout with a copy of the kept cluster, making that first when migrations have changed."""
    kept = ROOT / ".hq" / "test-clusters"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        lock = Lock.on(Layout(kept), "building")
    except PermissionError:  # another user's checkout: build one for this run
        build(layout)
        return
    lock.take()
    try:
        source = kept / migrations_hash()
        if not source.exists():
            build(layout)
            forget_old(kept)
            copy(layout.postgres_data, source)
        else:
            copy(source, layout.postgres_data)
            os.utime(source)
    finally:
        lock.drop()


def migrations_hash() -> str:
    migrations = [path for path in ROOT.glob("*/migrations/*.py") if path.parent.parent.name != "node_modules"]
    files = [*migrations, *(ROOT / "hq" / "db").rglob("*.py"), ROOT / "hq" / "db" / "roles.sql", ROOT / "requirements" / "base.txt"]
    state = hashlib.sha256(f"{find_programs()} {os.geteuid()}".encode())
    for file in sorted(files):
        state.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return state.hexdigest()[:24]


def build(layout: Layout) -> None:
    with Services(layout, fleeting=True) as services:
        assert services.postgres is not None
        migrated = subprocess.run(
            [sys.executable, ROOT / "manage.py", "migrate", "--verbosity", "0"],
            env=os.environ | {"HQ_DB_ROLE": "hq_owner"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if migrated.returncode:
            raise CannotStart(f"The migrations fail:\n{migrated.stdout}")


def copy(source: Path, target: Path) -> None:
    """With owners and modes, and whole or not at all."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    subprocess.run(["cp", "-a", source, draft], check=True)
    draft.rename(target)


def forget_old(kept: Path) -> None:
    clusters = sorted((path for path in kept.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in clusters[KEPT_CLUSTERS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


# ---- one database per worker


def database_name() -> str:
    return f"hq_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def fresh_database() -> None:
    """Drop the worker's database, whoever is still connected, and clone the template again."""
    name = sql.Identifier(database_name())
    with psycopg.connect(host=str(cluster().postgres_sockets), user=SUPERUSER, dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER hq_owner TEMPLATE {} STRATEGY file_copy").format(name, sql.Identifier(TEMPLATE)))
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO hq_app").format(name))


def _teardown_by_clone(_test: Any) -> None:
    """Stands in for the flush, which needs TRUNCATE and meets the append-only triggers."""
    from django.db import connections

    connections.close_all()
    fresh_database()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Replaces pytest-django's: no test database is created by Django, as hq_app may not."""
    from django.db import connection
    from django.test import TransactionTestCase

    fresh_database()
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["NAME"] = database_name()
        TransactionTestCase._fixture_teardown = _teardown_by_clone  # type: ignore[method-assign]
        yield
        connection.close()
