"""What an export holds: opened by Debian's `age`, every hash compared, and nothing of anybody else."""

from pathlib import Path

import pytest

from exports.registry import Scope
from tests.exports.support import Pair, made, opened
from tests.factories import Place, make_place
from vault import actions as vault

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.age]
NAMES = [
    "a/b.txt",
    "README",
    "Übung/日本語 🙂.md",
    "-rf",
    "a/" + "n" * 250,
    "/".join(["deep"] * 31) + "/x",
    "% tar'\"$(id)",
]


@pytest.fixture
def place(transactional_db: None) -> Place:
    place = make_place("Alder Peak")
    for name in NAMES:
        vault.put_object(actor=place.actor(), path=name, chunks=[f"first of {name}".encode()])
    vault.put_object(actor=place.actor(), path="README", chunks=[b"second"])
    vault.put_object(actor=place.actor(), path="gone.txt", chunks=[b"deleted"])
    vault.delete_object(actor=place.actor(), path="gone.txt")
    vault.put_object(actor=place.actor(environment_id=place.test_id), path="t", chunks=[b"in test"])
    return place


def test_an_organization_is_exported_whole(place: Place, tmp_path: Path) -> None:
    pair = Pair()
    export = made(place, Scope.ORGANIZATION, pair.lock)
    whole = opened(place, export, pair, tmp_path)
    assert {f"files/live/{name}" for name in NAMES} | {"files/test/t"} == whole.files.keys()
    assert whole.members["files/live/README"] == b"second"
    assert [row["slug"] for row in whole.table("tenants_organization")] == [place.slug]
    assert [row["email"] for row in whole.table("people")] == [place.owner.email]
    assert whole.table("trail")
