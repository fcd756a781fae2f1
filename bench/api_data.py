"""What `bin/bench api` asks for: an organization with a file and keys, and beside it a row and a key for the peer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from bench.access_data import administrator
from bench.api_load import get
from hq.authz.permissions import SCOPES
from hq.crypto.secrets import random_word
from hq.db.context import tenant
from tenants.actions import create_api_key
from tenants.actions.api_keys import MadeKey
from tenants.actions.key_checks import PREFIXES, SECRET_LENGTH
from tenants.models import LIVE
from tests.factories import Place, make_place
from vault.actions import put_object

PATH = "claims/2026/register.csv"
CONTENT = b"claim,amount\n1,250\n"
_QUERY = urlencode({"path": PATH})

_THING = """
    CREATE TABLE bench_thing (id bigserial PRIMARY KEY, path text NOT NULL UNIQUE, version integer NOT NULL,
        size bigint NOT NULL, sha256 varchar(64) NOT NULL, content_type varchar(255) NOT NULL,
        created_at timestamptz NOT NULL)
"""


@dataclass(frozen=True)
class Data:
    """What there is to ask for, as requests."""

    place: Place
    made: MadeKey
    peer_secret: str

    @property
    def ours(self) -> bytes:
        """The whole of HQ: what is known of one file."""
        return self.asked_with(self.made.secret)

    @property
    def bare(self) -> bytes:
        return get(f"/bare?{_QUERY}")

    @property
    def behind_ours(self) -> bytes:
        return get(f"/ours?{_QUERY}", self.made.secret)

    @property
    def behind_peer(self) -> bytes:
        return get(f"/peer?{_QUERY}", self.peer_secret, "Api-Key")

    def asked_with(self, secret: str) -> bytes:
        return get(f"/v1/environments/{self.place.live_id}/object-metadata?{_QUERY}", secret)


def unknown_secret() -> str:
    """As well formed as any, and nobody's."""
    return random_word(PREFIXES[LIVE], SECRET_LENGTH)


def make_key(place: Place) -> MadeKey:
    actor = place.actor()
    with tenant(place.id):
        return create_api_key(actor=actor, name="bench", scopes=SCOPES & actor.permissions)


@contextmanager
def data() -> Iterator[Data]:
    """Make it all. The peer's tables go again."""
    place = make_place()
    put_object(actor=place.actor(), path=PATH, chunks=[CONTENT], content_type="text/csv")
    made = make_key(place)
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "rest_framework_api_key"]), _tables():
        from rest_framework_api_key.models import APIKey

        _, peer_secret = APIKey.objects.create_key(name="bench")
        yield Data(place, made, peer_secret)
    apps.all_models.pop("rest_framework_api_key")


@contextmanager
def _tables() -> Iterator[None]:
    from rest_framework_api_key.models import APIKey

    with connection.schema_editor(collect_sql=True) as editor:
        editor.create_model(APIKey)
    with administrator() as link:
        try:
            for statement in [*editor.collected_sql, _THING]:
                if not statement.startswith("--"):
                    link.execute(statement)
            link.execute("GRANT SELECT, INSERT, UPDATE ON rest_framework_api_key_apikey TO hq_app")
            link.execute("GRANT SELECT ON bench_thing TO hq_app")
            row = [PATH, 1, len(CONTENT), sha256(CONTENT).hexdigest(), "text/csv", timezone.now()]
            link.execute(
                "INSERT INTO bench_thing (path, version, size, sha256, content_type, created_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                row,
            )
            yield
        finally:
            link.execute("DROP TABLE IF EXISTS rest_framework_api_key_apikey, bench_thing")
