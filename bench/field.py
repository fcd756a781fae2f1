"""A sealed column against the bare cipher, and against another package's encrypted field.

Encrypting is `pre_save` of a row that holds a new value; decrypting is the first reading of the attribute of a row that
came from the database. Both find the tenant's key among those of 1,000. The bare cipher is AES-256-GCM with one key and
a fixed associated datum, which draws its nonce from the operating system each time, as we do.

Against the peer the whole way through Django counts for both: assigning, preparing for the database, converting what
came back, reading. The peer has one key and binds a value to nothing.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.db import connection, models
from django.test.utils import override_settings
from tink import aead, json_proto_keyset_format, new_keyset_handle, secret_key_access
from tink_fields import EncryptedTextField

from bench.figures import Figure, Report, cpu_seconds, ratios, take_turns, undisturbed
from hq.db import sealing
from hq.db.sealing import Purpose, Ring
from hq.lib.ids import new_id
from keys.rings import RingCache
from tenants.models import Invitation

TEXT = "The quick brown fox jumps over the lazy dog 0123456789. " * 4


def measure(*, rounds: int = 300, tenants: int = 1000, size: int = 200) -> Report:
    text = TEXT[:size]
    with _key_source(), _peer() as peer:
        rows: list[Any] = [Invitation(organization_id=new_id()) for _ in range(tenants)]
        bare, ours = _compared(rounds, _bare(tenants, text), _ours(rows, text))
        whole, theirs = _compared(rounds, _ours_whole(rows, text), _peer_whole(peer, tenants, text))
    return Report(
        sizes=f"{size} bytes of text, {tenants:,} tenants in turn, each with its own key",
        figures=[
            Figure(what="encrypt and decrypt, of the bare cipher", samples=ratios(ours, bare), at_most=2.2),
            Figure(what="the whole way through Django, of the peer's", samples=ratios(whole, theirs), at_most=1.0),
        ],
        beside={
            "bare cipher": _each(bare, tenants),
            "field": _each(ours, tenants),
            "field, whole way": f"{_each(whole, tenants)}, {median(whole) / median(bare):.2f}x of the bare cipher",
            "django-tink-fields, whole way": _each(theirs, tenants),
        },
    )


def _compared(rounds: int, *takers: Callable[[], float]) -> list[list[float]]:
    works = [undisturbed(work) for work in takers]
    take_turns(max(1, rounds // 20), *works)  # to warm up
    return take_turns(rounds, *works)


def _each(times: list[float], count: int) -> str:
    return f"{median(times) / count * 1e6:.2f} us a pair"


@contextmanager
def _key_source() -> Iterator[None]:
    """The product's own cache of keys, over keys that were never wrapped: unwrapping is not on this path."""
    former = sealing.key_source()
    keys: dict[UUID, bytes] = {}  # the same again when the cache has let one go: a ring lives five minutes

    def load(owner: UUID, _purpose: Purpose, _environment: UUID | None) -> Ring:
        return Ring(owner, current=1, keys={1: keys.setdefault(owner, os.urandom(32))})

    sealing.register_key_source(RingCache(load, report=lambda _uses: None))
    try:
        yield
    finally:
        sealing.register_key_source(former)


def _bare(count: int, text: str) -> Callable[[], float]:
    cipher, plain, aad, times = AESGCM(os.urandom(32)), text.encode(), b"table\0column\0" + bytes(32), range(count)

    def seal() -> bytes:
        nonce = os.urandom(12)
        return nonce + cipher.encrypt(nonce, plain, aad)

    def open_(sealed: bytes) -> bytes:
        return cipher.decrypt(sealed[:12], sealed[12:], aad)

    def encrypt() -> None:
        for _ in times:
            seal()

    def decrypt() -> None:
        for _ in times:
            open_(sealed)

    sealed = seal()
    return lambda: cpu_seconds(encrypt) + cpu_seconds(decrypt)


def _ours(rows: list[Any], text: str) -> Callable[[], float]:
    field: Any = Invitation._meta.get_field("email")  # noqa: SLF001 - Django's documented name

    def encrypt() -> None:
        for row in rows:
            field.pre_save(row, True)

    def decrypt() -> None:
        for row in rows:
            row.email  # noqa: B018 - reading it is the work

    def once() -> float:
        for row in rows:
            row.email = None  # the same text again would be no change
            row.email = text
        taken = cpu_seconds(encrypt)
        for row in rows:
            row.email = field.from_db_value(field.get_db_prep_save(field.pre_save(row, False), connection), None, None)
        return taken + cpu_seconds(decrypt)

    return once


def _ours_whole(rows: list[Any], text: str) -> Callable[[], float]:
    field: Any = Invitation._meta.get_field("email")  # noqa: SLF001 - Django's documented name
    stored: list[bytes] = []

    def encrypt() -> None:
        for row in rows:
            row.email = text
            stored.append(field.get_db_prep_save(field.pre_save(row, True), connection))

    def decrypt() -> None:
        for row, data in zip(rows, stored, strict=True):
            row.email = field.from_db_value(data, None, connection)
            if row.email != text:
                raise AssertionError("Another text came back.")

    def once() -> float:
        stored.clear()
        for row in rows:
            row.email = None  # the same text again would be no change
        return cpu_seconds(encrypt) + cpu_seconds(decrypt)

    return once


def _peer_whole(model: type[models.Model], count: int, text: str) -> Callable[[], float]:
    field: Any = model._meta.get_field("value")  # noqa: SLF001 - Django's documented name
    rows: list[Any] = [model() for _ in range(count)]
    stored: list[bytes] = []

    def encrypt() -> None:
        for row in rows:
            row.value = text
            stored.append(bytes(field.get_db_prep_save(field.pre_save(row, True), connection).obj))

    def decrypt() -> None:
        for row, data in zip(rows, stored, strict=True):
            row.value = field.from_db_value(data, None, connection)
            if row.value != text:
                raise AssertionError("Another text came back.")

    def once() -> float:
        stored.clear()
        return cpu_seconds(encrypt) + cpu_seconds(decrypt)

    return once


@contextmanager
def _peer() -> Iterator[type[models.Model]]:
    """A model of the peer's, over a keyset of its own."""

    class Peer(models.Model):
        value = EncryptedTextField()

        class Meta:
            app_label = "bench"

        def __str__(self) -> str:
            return str(self.pk)

    handle = new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keyset.json"
        path.write_text(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
        with override_settings(TINK_FIELDS_CONFIG={"default": {"path": path, "cleartext": True}}):
            yield Peer
    apps.all_models.pop("bench")
