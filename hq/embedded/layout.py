"""Where an instance keeps its things, and how its processes find them."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hq.embedded.errors import CannotStart
from hq.embedded.process import server_user

ROOT = Path(__file__).resolve().parent.parent.parent
SOCKET_PATH_LIMIT = 107  # bytes that fit a Unix socket's address
POSTGRES_SOCKET = ".s.PGSQL.5432"
FIRST_EPHEMERAL_PORT = 32768  # above it a server may meet the outgoing end of some connection


@dataclass(frozen=True)
class Layout:
    """One data directory. `database_url` and `redis_url` name services of the operator's; empty means embedded."""

    data: Path
    port: int = 8000
    database_url: str = ""
    redis_url: str = ""

    @classmethod
    def from_environment(cls) -> "Layout":
        """Read HQ_DATA_DIR, HQ_PORT, HQ_DATABASE_URL and HQ_REDIS_URL. Raises CannotStart."""
        given = os.environ.get("HQ_DATA_DIR")
        return cls(
            data=Path(given).absolute() if given else default_data(),
            port=_port(os.environ.get("HQ_PORT") or "8000"),
            database_url=os.environ.get("HQ_DATABASE_URL", ""),
            redis_url=os.environ.get("HQ_REDIS_URL", ""),
        )

    @property
    def edge_port(self) -> int:
        """Where published artifacts are served: HQ_EDGE_PORT, or the next port. Raises CannotStart."""
        return _port(os.environ.get("HQ_EDGE_PORT") or str(self.port + 1), "HQ_EDGE_PORT")

    @property
    def live_port(self) -> int:
        """Where pages hear what is new: HQ_LIVE_PORT, or the port after the next. Raises CannotStart."""
        return _port(os.environ.get("HQ_LIVE_PORT") or str(self.port + 2), "HQ_LIVE_PORT")

    @property
    def run(self) -> Path:
        """The folder of sockets: in the data directory, or in a short one elsewhere when the names would not fit."""
        inside = self.data / "run"
        if len(os.fsencode(inside / "pg" / POSTGRES_SOCKET)) <= SOCKET_PATH_LIMIT:
            return inside
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"hq-{os.geteuid()}-{name}"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def postgres_data(self) -> Path:
        return self.data / "postgres"

    @property
    def postgres_sockets(self) -> Path:
        return self.run / "pg"

    @property
    def valkey_socket(self) -> Path:
        return self.run / "valkey.sock"

    def prepare(self) -> None:
        """Make the folders. Raises CannotStart when they are another user's, or closed to PostgreSQL's user."""
        # `nobody` must get through to the cluster; everyone else's folders are closed as a whole.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            for folder in (self.data, self.run, self.data / "logs", self.data / "secrets", self.data / "keystore"):
                folder.mkdir(parents=True, exist_ok=True)
            if self.data.stat().st_uid != os.geteuid() or self.run.lstat().st_uid != os.geteuid():
                raise CannotStart(f"{self.data} belongs to another user; name a folder of your own in HQ_DATA_DIR.")
            for folder in (self.data, self.run):
                folder.chmod(mode)
            for name in ("logs", "secrets", "keystore"):
                (self.data / name).chmod(0o700)
        except OSError as error:
            raise CannotStart(
                f"{error.filename} cannot be used ({error.strerror}); name another folder in HQ_DATA_DIR."
            ) from error
        if len(os.fsencode(self.run / "pg" / POSTGRES_SOCKET)) > SOCKET_PATH_LIMIT:
            raise CannotStart(
                f"The names of sockets in {self.run} would be too long; name a shorter folder in HQ_DATA_DIR or TMPDIR."
            )
        if not self.database_url and server_user().uid is not None and not open_to_all(self.data):
            raise CannotStart(
                f"PostgreSQL cannot run as root, and the user `nobody` cannot enter {self.data}; "
                "name a folder outside private homes in HQ_DATA_DIR."
            )

    def environment(self, *, role: str = "hq_app") -> dict[str, str]:
        """The environment of HQ's own processes. What the person set comes first."""
        from hq.embedded import development_secrets

        ours = {
            "DJANGO_SETTINGS_MODULE": "hq.settings",
            "HQ_PORT": str(self.port),
            "HQ_BASE_URL": f"http://localhost:{self.port}",
            "HQ_EDGE_PORT": str(self.edge_port),
            "HQ_EDGE_URL": f"http://edge.localhost:{self.edge_port}",
            "HQ_LIVE_PORT": str(self.live_port),
            "HQ_LIVE_URL": f"http://localhost:{self.live_port}",
            "PYTHONUNBUFFERED": "1",
        }
        located = {
            "HQ_DB_ROLE": role,
            "HQ_DATA_DIR": str(self.data),
            "HQ_DATABASE_URL": self.database_url
            or f"postgresql:///hq?host={quote(str(self.postgres_sockets), safe='/')}",
            "HQ_REDIS_URL": self.redis_url or f"unix://{self.valkey_socket}?db=0",
        }
        return ours | development_secrets.files(self.data) | dict(os.environ) | located


def _port(raw: str, name: str = "HQ_PORT") -> int:
    if not raw.isdecimal() or not 0 < int(raw) < FIRST_EPHEMERAL_PORT:
        raise CannotStart(f"{name} is {raw!r}; it must be a number from 1 to {FIRST_EPHEMERAL_PORT - 1}.")
    return int(raw)


def open_to_all(path: Path) -> bool:
    """True when any user can pass through every folder down to the path."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def default_data() -> Path:
    """`.hq` in the checkout; a system folder when that is in root's home, which PostgreSQL's user cannot enter."""
    if os.geteuid() == 0 and not open_to_all(ROOT):
        return Path("/var/lib") / f"hq-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:8]}"
    return ROOT / ".hq"
