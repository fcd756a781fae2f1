"""The embedded services of one data directory, started and stopped together."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hq.embedded.layout import Layout
from hq.embedded.locks import Lock, hold_services
from hq.embedded.postgres import Postgres
from hq.embedded.valkey import Valkey

UNMIGRATED = "SELECT to_regclass('public.django_migrations') IS NULL"


@dataclass
class Services:
    """What is not given by HQ_DATABASE_URL and HQ_REDIS_URL. `fleeting` trades durability for speed."""

    layout: Layout
    fleeting: bool = False
    postgres: Postgres | None = field(default=None, init=False)
    valkey: Valkey | None = field(default=None, init=False)
    lock: Lock | None = field(default=None, init=False)

    def start(self) -> None:
        """Raises CannotStart, with nothing left running."""
        self.lock = hold_services(self.layout)
        inherited = (self.lock.descriptor,)
        try:
            if not self.layout.database_url:
                self.postgres = Postgres(self.layout, fleeting=self.fleeting, keep_open=inherited)
                self.postgres.start()
                self.postgres.make_roles()
            if not self.layout.redis_url:
                self.valkey = Valkey(self.layout, keep_open=inherited)
                self.valkey.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for service in (self.valkey, self.postgres):
            if service is not None:
                service.stop()
        if self.lock is not None:
            self.lock.drop()
        self.valkey = self.postgres = self.lock = None

    @property
    def unmigrated(self) -> bool:
        """True for an embedded database that has never been migrated."""
        return self.postgres is not None and self.postgres.sql("-c", UNMIGRATED, database="hq") == "t"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
