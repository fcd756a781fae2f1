"""How fast requests get their places, how small and quick a proof of one is, and what cleaning a text costs."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from django.db import connection

from audit import actions, recorder, selectors
from audit.tags import Log
from bench.figures import Figure, rate, ratios, seconds, take_turns
from hq.db.context import tenant
from hq.embedded.postgres import SUPERUSER
from hq.lib.redaction import CARD, EMAIL, PHONE, SSN, find, redact
from tests.factories import ORIGIN, Place

Told = tuple[list[Figure], dict[str, str]]

# 1,500 labelled sentences of presidio-research, where they are at hand.
SENTENCES = Path(__file__).parents[2] / "shared" / "data" / "pii-sentences.json"
KINDS = {"EMAIL_ADDRESS": EMAIL, "US_SSN": SSN, "CREDIT_CARD": CARD, "PHONE_NUMBER": PHONE}
PROSE = "The contractor who set the key store up has left, so the key is rotated before the yearly date. "
QUERY = (
    "SELECT t.id, t.created_at FROM transfers t JOIN customers c ON c.id = t.customer_id WHERE t.state = 'settled' AND"
    " t.amount > 2500 AND t.created_at >= '2026-01-01' AND t.id <> '018f6d2e-7c1a-7b3e-9d2f-4455667788aa' LIMIT 100; "
)
DIRT = (
    "Call 555-867-5309 or write to ines@alderpeak.example, SSN 460-89-9847, card 4111 1111 1111 1111, or"
    " +46 (0)8 928 571 38. "
)


# ---- places


def sequencing(place: Place, lines: int, *, rounds: int) -> Told:
    """Against COPY of the very rows by which the log's lines get their places and links."""
    spans: list[float] = []
    copies: list[float] = []

    def order() -> float:
        _copy_lines(place, lines)
        return seconds(lambda: actions.grow(place.id, place.live_id))

    def copy() -> float:
        return _copied(place, lines)

    recorder.record_access(
        organization_id=place.id,
        actor=place.actor(),
        origin=ORIGIN,
        verb="GET",
        route="v1/environments/<uuid:environment_id>/objects/<path:path>",
        status=200,
        milliseconds=3,
        detail={"path": "claims/2026/report.pdf"},
    )
    actions.grow(place.id, place.live_id)
    for _ in range(rounds):
        spans.append(order())
        copies.append(copy())
    proofs, sizes = _proofs(place)
    return [
        Figure(
            what="requests given their places", samples=[lines / span for span in spans], unit="/s", at_least=20_000
        ),
        Figure(what="of COPY of the same lines", samples=ratios(copies, spans), at_least=0.3),
        Figure(what="an inclusion proof", samples=proofs, unit=" ms", at_most=5),
        Figure(what="an inclusion proof's size", samples=sizes, unit=" bytes", at_most=2048),
    ], {"COPY of the same lines": rate(lines, copies)}


def _copy_lines(place: Place, count: int) -> None:
    """Many lines like the newest one, as the administrator: HQ itself writes one at a time."""
    with _administrator() as admin:
        admin.execute(
            """
            INSERT INTO audit_accessentry
            SELECT (jsonb_populate_record(e, jsonb_build_object(
                'id', overlay(gen_random_uuid()::text PLACING left(e.id::text, 13) FROM 1 FOR 13),
                'xid', pg_current_xact_id()::text::bigint
            ))).*
            FROM audit_accessentry e, generate_series(1, %s)
            WHERE e.id = (SELECT max(id::text)::uuid FROM audit_accessentry WHERE organization_id = %s)
            """,
            [count, place.id],
        )
        admin.execute("ANALYZE audit_accessentry")


def _copied(place: Place, count: int) -> float:
    with _administrator() as admin:
        admin.execute("CREATE SCHEMA bench CREATE TABLE lines (LIKE public.audit_accessentry INCLUDING INDEXES)")
        try:
            with admin.cursor().copy(
                f"COPY (SELECT * FROM audit_accessentry WHERE organization_id = '{place.id}'"  # noqa: S608 - an id of ours
                f" LIMIT {count}) TO STDOUT"
            ) as out:
                data = b"".join(bytes(piece) for piece in out)

            def load() -> None:
                with admin.cursor().copy("COPY bench.lines FROM STDIN") as into:
                    into.write(data)

            return seconds(load)
        finally:
            admin.execute("DROP SCHEMA bench CASCADE")


def _proofs(place: Place, asked: int = 50) -> tuple[list[float], list[float]]:
    """Milliseconds and bytes of proofs over the whole log."""
    times, sizes = [], []
    with tenant(place.id):
        size = selectors.tree_of(place.id, place.live_id, Log.ACCESS).size
        for number in range(asked):
            began = perf_counter()
            path = selectors.inclusion(place.id, place.live_id, Log.ACCESS, number * size // asked, size)
            times.append((perf_counter() - began) * 1000)
            sizes.append(float(sum(map(len, path))))
    return times, sizes


@contextmanager
def _administrator() -> Iterator[psycopg.Connection[Any]]:
    where = connection.get_connection_params() | {"user": SUPERUSER, "autocommit": True, "context": None}
    with psycopg.connect(**where) as admin:
        yield admin


# ---- redaction


def redaction(rounds: int) -> Told:
    prose, query = (PROSE * 11)[:1024], (QUERY * 5)[:1024]
    works = [_each(text) for text in (prose, query, (DIRT + prose)[:1024], (DIRT + query)[:1024])]
    take_turns(1, *works)
    words, sql, dirty, both = take_turns(rounds, *works)
    found, said = _corpus()
    return [
        Figure(what="redacting clean prose", samples=words, unit=" us", at_most=10),
        Figure(what="redacting a clean query", samples=sql, unit=" us", at_most=10),
        Figure(what="redacting prose with five pieces", samples=dirty, unit=" us", at_most=120),
        Figure(what="redacting a query with five pieces", samples=both, unit=" us", at_most=120),
        *found,
    ], said


def _each(text: str, times: int = 200) -> Callable[[], float]:
    def work() -> None:
        for _ in range(times):
            redact(text)

    return lambda: seconds(work) / times * 1e6


def _corpus() -> Told:
    """Recall counts a piece that is wholly found, under whatever mark; precision a find that touches any labelled."""
    if not SENTENCES.exists():
        return [], {"the labelled sentences": "not at hand"}
    labelled, found, right, marks = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for sentence in json.loads(SENTENCES.read_text()):
        pieces = find(sentence["full_text"])
        spans = [
            (span["start_position"], span["end_position"], KINDS[span["entity_type"]])
            for span in sentence["spans"]
            if span["entity_type"] in KINDS
        ]
        for first, last, kind in spans:
            labelled[kind] += 1
            found[kind] += any(start <= first and last <= end for start, end, _ in pieces)
        for start, end, mark in pieces:
            marks[mark] += 1
            right[mark] += any(start < last and first < end for first, last, _ in spans)
    recalls = [
        Figure(what=f"recall of {kind}", samples=[found[kind] / labelled[kind]], at_least=0.9) for kind in labelled
    ]
    return recalls, {"precision": ", ".join(f"{kind} {right[kind] / marks[kind]:.2f}" for kind in labelled)}
