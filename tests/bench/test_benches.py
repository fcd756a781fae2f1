"""Each bench runs, on toy sizes. How long anything takes is for bin/bench alone."""

import json

import pytest

from bench import access, api, audit, field, keys, link_kinds, listing, redeem, run, store
from bench.figures import Figure, Report


def figures_of(report: Report) -> dict[str, float]:
    assert all(value for value in report.beside.values())
    assert str(report)
    json.dumps(report.as_json())
    return {figure.what: figure.value for figure in report.figures}


def test_a_sealed_field():
    assert all(value > 0 for value in figures_of(field.measure(rounds=2, tenants=3)).values())


@pytest.mark.django_db(transaction=True)
def test_the_store():
    assert len(figures_of(store.measure(rounds=1, mib=1))) == 4


@pytest.mark.django_db(transaction=True)
def test_the_trail():
    found = figures_of(audit.measure(rounds=1, actions=3, writers=2, lines=300, scheduled_acts=0))
    assert found["the whole chain verifies"] == 1
    assert found["an inclusion proof's size"] == 32 * 9  # of 301 lines
    assert all(value > 0 for value in found.values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [link_kinds.SHARES, link_kinds.ARTIFACTS], ids=lambda kind: kind.name)
def test_links_under_kills(kind):
    report = redeem.measure(links=20, hands=3, kills=2, kind=kind)
    assert report.met, str(report)


@pytest.mark.django_db(transaction=True)
def test_a_folder_of_many():
    assert len(figures_of(listing.measure(objects=200, rounds=1))) == 3


@pytest.mark.django_db(transaction=True)
def test_rotations():
    report = keys.measure(rows=6000, few=300, kills=5)
    timed = {"re-encrypting, of a plain UPDATE", "peak memory over idle", "of it after the first tenth"}
    assert all(figure.met for figure in report.figures if figure.what not in timed), str(report)
    assert len(figures_of(report)) == 11


@pytest.mark.django_db(transaction=True)
def test_access_rules():
    report = access.measure(organizations=2, teams=12, projects=10, principals=6, asked=4)
    assert figures_of(report)["lists equal the naive ones"] == 1
    assert len(report.figures) == 4


@pytest.mark.django_db(transaction=True)
def test_the_api_under_load():
    report = api.measure(rounds=1, span=0.2, checks=10)
    assert len(figures_of(report)) == 7
    refused, revoked, counted = report.figures[-3:]
    assert (revoked.met, refused.met, counted.met) == (True, True, True), str(report)


def test_starting_and_stopping():
    assert len(figures_of(run.measure(rounds=1))) == 1


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({"at_least": 2}, True),
        ({"at_least": 2.1}, False),
        ({"at_most": 2}, True),
        ({"at_most": 1.9}, False),
        ({"at_least": 2, "at_most": 2}, True),
        ({"at_least": 3, "at_most": 3}, False),
    ],
)
def test_a_figure_is_the_median_and_says_whether_it_met_its_target(limits, met):
    figure = Figure(what="trial", samples=[1, 2, 30], **limits)
    assert figure.value == 2
    assert figure.met is met
    assert str(figure).startswith("pass" if met else "MISS")
