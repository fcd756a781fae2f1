"""What every object store does. A store's own tests inherit this and give `store`."""

import os

import pytest

from hq.crypto.aead import Tampered
from hq.crypto.stream import CHUNK_BYTES
from hq.lib.errors import Problem
from hq.lib.ids import new_id
from vault.store import BucketMissing, ForeignKey, MissingBytes, ObjectStore, base
from vault.store.base import Told

BUCKET, OTHER = "hq-alder-peak-0a1b2c3d", "hq-birch-hill-4e5f6a7b"
KEY, AAD = bytes(range(32)), b"place"
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17]


class Interrupted(Exception):
    pass


def new_bucket() -> str:
    return f"hq-alder-peak-{new_id().hex[-8:]}"


def new_key(bucket: str = BUCKET) -> str:
    return f"{bucket}/{new_id().hex}"


def put(store: ObjectStore, key: str, content: bytes, piece: int = 100_000) -> None:
    with store.put(key.partition("/")[0], key, content_key=KEY, aad=AAD) as writer:
        for at in range(0, len(content), piece):
            writer.write(content[at : at + piece])


def get(store: ObjectStore, key: str, start: int = 0, stop: int | None = None, aad: bytes = AAD) -> bytes:
    return b"".join(store.open(key.partition("/")[0], key, content_key=KEY, aad=aad, start=start, stop=stop))


def interrupted_put(store: ObjectStore, key: str) -> None:
    with store.put(BUCKET, key, content_key=KEY, aad=AAD) as writer:
        writer.write(bytes(500_000))
        raise Interrupted


def overtaken_put(store: ObjectStore, key: str) -> None:
    with store.put(BUCKET, key, content_key=KEY, aad=AAD) as writer:
        writer.write(b"x")
        store.delete(BUCKET, key)


def put_while_removed(store: ObjectStore, bucket: str, told: Told) -> None:
    with store.put(bucket, new_key(bucket), content_key=KEY, aad=AAD) as writer:
        writer.write(bytes(100_000))
        store.remove_bucket(bucket, told)


class StoreContract:
    @pytest.fixture
    def store(self) -> ObjectStore:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def buckets(self, store: ObjectStore) -> None:
        store.make_bucket(BUCKET)
        store.make_bucket(OTHER)

    @pytest.mark.parametrize("size", SIZES)
    def test_it_gives_back_what_was_put(self, store: ObjectStore, size: int) -> None:
        content, key = os.urandom(size), new_key()
        put(store, key, content)
        assert get(store, key) == content

    def test_making_a_bucket_again_changes_nothing(self, store: ObjectStore) -> None:
        key = new_key()
        put(store, key, b"kept")
        store.make_bucket(BUCKET)
        assert get(store, key) == b"kept"

    @pytest.mark.parametrize(
        ("start", "stop"), [(0, 1), (5, 5), (65_535, 65_537), (70_000, None), (199_999, 10**9), (10**9, None)]
    )
    def test_it_gives_the_slice_that_was_asked_for(self, store: ObjectStore, start: int, stop: int | None) -> None:
        content, key = os.urandom(200_000), new_key()
        put(store, key, content)
        assert get(store, key, start, stop) == content[start:stop]

    def test_no_piece_is_larger_than_a_chunk(self, store: ObjectStore) -> None:
        key = new_key()
        put(store, key, bytes(300_000))
        assert all(0 < len(piece) <= CHUNK_BYTES for piece in store.open(BUCKET, key, content_key=KEY, aad=AAD))

    def test_the_sealed_size_is_known_once_it_is_whole(self, store: ObjectStore) -> None:
        key = new_key()
        assert store.sealed_size(BUCKET, key) is None
        put(store, key, bytes(200_000))
        sealed = store.sealed_size(BUCKET, key)
        assert sealed is not None
        assert sealed > 200_000

    def test_a_put_that_raises_leaves_nothing(self, store: ObjectStore) -> None:
        key = new_key()
        with pytest.raises(Interrupted):
            interrupted_put(store, key)
        assert store.sealed_size(BUCKET, key) is None
        assert store.unfinished(BUCKET) == []

    def test_an_unfinished_put_is_not_visible_but_is_listed(self, store: ObjectStore) -> None:
        key = new_key()
        with store.put(BUCKET, key, content_key=KEY, aad=AAD) as writer:
            writer.write(bytes(500_000))
            assert store.sealed_size(BUCKET, key) is None
            with pytest.raises(MissingBytes):
                store.open(BUCKET, key, content_key=KEY, aad=AAD)
            assert store.unfinished(BUCKET) == [key]
        assert store.unfinished(BUCKET) == []

    def test_a_deleted_object_is_missing_and_deleting_again_is_nothing(self, store: ObjectStore) -> None:
        key = new_key()
        put(store, key, b"x")
        store.delete(BUCKET, key)
        store.delete(BUCKET, key)
        with pytest.raises(MissingBytes):
            get(store, key)

    def test_deleting_while_it_is_written_fails_the_writer_and_leaves_nothing(self, store: ObjectStore) -> None:
        key = new_key()
        with pytest.raises(MissingBytes):
            overtaken_put(store, key)
        assert store.sealed_size(BUCKET, key) is None

    def test_what_was_opened_can_be_read_although_it_is_deleted(self, store: ObjectStore) -> None:
        content, key = os.urandom(200_000), new_key()
        put(store, key, content)
        pieces = store.open(BUCKET, key, content_key=KEY, aad=AAD)
        store.delete(BUCKET, key)
        assert b"".join(pieces) == content

    @pytest.mark.parametrize(
        "hostile",
        [
            f"{OTHER}/{'0' * 32}",
            "0" * 32,
            f"{BUCKET}/",
            f"{BUCKET}/../{OTHER}/{'0' * 32}",
            f"/{BUCKET}/x",
            f"{BUCKET}/..",
            "",
        ],
    )
    def test_a_key_whose_first_segment_is_another_bucket_is_refused_by_every_call(
        self, store: ObjectStore, hostile: str
    ) -> None:
        with pytest.raises(ForeignKey):
            store.open(BUCKET, hostile, content_key=KEY, aad=AAD)
        with pytest.raises(ForeignKey), store.put(BUCKET, hostile, content_key=KEY, aad=AAD):
            pass
        with pytest.raises(ForeignKey):
            store.delete(BUCKET, hostile)
        with pytest.raises(ForeignKey):
            store.sealed_size(BUCKET, hostile)

    def test_another_place_or_another_key_opens_nothing(self, store: ObjectStore) -> None:
        key = new_key()
        put(store, key, b"secret")
        with pytest.raises(Tampered):
            get(store, key, aad=b"elsewhere")
        with pytest.raises(Tampered):
            store.open(BUCKET, key, content_key=bytes(32), aad=AAD)

    def test_a_bucket_that_is_removed_is_gone_with_everything_that_was_whole_or_unfinished(
        self, store: ObjectStore
    ) -> None:
        bucket, heard = new_bucket(), list[int]()
        store.make_bucket(bucket)
        keys = [new_key(bucket) for _ in range(3)]
        for key in keys:
            put(store, key, b"x")
        with pytest.raises(Problem):
            put_while_removed(store, bucket, heard.append)
        assert max(heard) == 4
        assert store.keys_of(bucket) == []
        with pytest.raises(BucketMissing):
            store.unfinished(bucket)
        with pytest.raises(BucketMissing):
            put(store, new_key(bucket), b"x")
        for key in keys:
            assert store.sealed_size(bucket, key) is None
        store.remove_bucket(bucket, heard.append)
        assert max(heard) == 4
        store.make_bucket(bucket)  # one of the same name has nothing of it
        assert store.unfinished(bucket) == store.keys_of(bucket) == []
        store.remove_bucket(bucket)

    def test_every_key_is_listed_once_page_by_page(self, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(base, "PAGE", 2)
        bucket, found = new_bucket(), list[str]()
        assert store.keys_of(bucket) == []
        store.make_bucket(bucket)
        keys = [new_key(bucket) for _ in range(5)]
        for key in keys:
            put(store, key, b"x")
        while page := store.keys_of(bucket, found[-1] if found else ""):
            assert len(page) <= 2
            found += page
        assert sorted(found) == sorted(keys)
        store.remove_bucket(bucket)

    def test_closing_early_is_allowed_twice(self, store: ObjectStore) -> None:
        key = new_key()
        put(store, key, bytes(200_000))
        pieces = store.open(BUCKET, key, content_key=KEY, aad=AAD)
        next(iter(pieces))
        pieces.close()
        pieces.close()
