"""The benches beside that of the trail run, on toy sizes."""

import pytest

from bench import audit_explorer, audit_peers, audit_proofs
from tests.bench.test_benches import figures_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_peers_save_the_same_and_what_goes_past_hq_is_seen() -> None:
    report = audit_peers.measure(rounds=1)
    found = figures_of(report)
    assert found["bulk and SQL seen on a watched table"] == 3
    assert report.beside["events of a save, a bulk update and SQL with HQ"] == "1 / 0 / 0"
    assert report.beside["events of a save, a bulk update and SQL with django-pghistory"] == "1 / 2 / 1"


def test_proofs_and_exports() -> None:
    found = figures_of(audit_proofs.measure(entries=50, acts=2))
    assert all(value >= 0 for value in found.values())


def test_the_explorer() -> None:
    assert all(value > 0 for value in figures_of(audit_explorer.measure(events=2000, rounds=1)).values())
