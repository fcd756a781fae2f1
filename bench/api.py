"""The API under load, as HQ runs it: granian on loopback, the clients in a second process.

Beside HQ stands a bare Django view with one SELECT, with the same server, workers, threads and pool, and none of HQ's
middleware. On that view's DRF form, HQ's key check is compared with djangorestframework-api-key's.
"""

from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter

from django.db.models import Sum

from bench.api_data import Data, data, make_key, unknown_secret
from bench.api_load import load, loading, status_of
from bench.api_servers import HQ, PLAIN, server
from bench.figures import Figure, Report, ratios, seconds, take_turns, undisturbed
from hq.crypto import passwords
from hq.db.context import tenant
from tenants.actions import authenticate_api_key, note_key_use, revoke_api_key, rotate_api_key
from tenants.actions.api_keys import MadeKey
from tenants.actions.key_use import uses
from tenants.models import ApiKeyDay
from tests.factories import ORIGIN

CLIENTS, FEW = 16, 4
UNKNOWN_A_MINUTE = 10_000


def measure(*, rounds: int = 7, span: float = 2.0, checks: int = 1000) -> Report:
    with data() as given, server(HQ) as hq:
        compared, beside = _compared(given, hq, rounds, span)
        slowest = [_slowest_check(given, checks) for _ in range(rounds)]
        figures = [
            *compared,
            Figure(what="p99 of checking a key", samples=slowest, unit=" ms", at_most=1),
            _with_unknown_keys(given, hq, rounds, span),
            _exactly(0, "requests refused around a rotation", _rotation(given, hq, span)),
            *_with_another_server(given, hq, rounds, span),
        ]
        uses.sweep()  # what this process asked itself
    return Report(sizes=f"{CLIENTS} clients, 1 worker, rounds of {span:g} s", figures=figures, beside=beside)


def _exactly(target: float, what: str, found: float) -> Figure:
    return Figure(what=what, samples=[found], unit="", at_least=target, at_most=target)


def _compared(given: Data, hq: int, rounds: int, span: float) -> tuple[list[Figure], dict[str, str]]:
    def rate_of(port: int, request: bytes) -> Callable[[], float]:
        return lambda: load(port, [request], clients=CLIENTS, seconds=span).only(200).rate

    with server(PLAIN) as plain:
        works = {
            "an object's metadata": rate_of(hq, given.ours),
            "bare view": rate_of(plain, given.bare),
            "view behind our check": rate_of(plain, given.behind_ours),
            "view behind djangorestframework-api-key": rate_of(plain, given.behind_peer),
        }
        take_turns(1, *works.values())  # to warm up
        ours, bare, behind_ours, behind_peer = rates = take_turns(rounds, *works.values())
    figures = [
        Figure(what="an object's metadata, of a bare view with one SELECT", samples=ratios(ours, bare), at_least=0.5),
        Figure(
            what="a view behind our check, of the same behind djangorestframework-api-key",
            samples=ratios(behind_ours, behind_peer),
            at_least=1,
        ),
    ]
    beside = {what: f"{median(measured):,.0f}/s" for what, measured in zip(works, rates, strict=True)}
    cold = seconds(lambda: passwords.verify_secret(given.made.key.hash, given.made.secret))
    return figures, beside | {"Argon2id, once for a key in five minutes": f"{cold * 1000:.1f} ms"}


def _slowest_check(given: Data, times: int) -> float:
    """Milliseconds that 99 of 100 checks of a key in use take at most."""

    def check() -> float:
        return seconds(lambda: note_key_use(authenticate_api_key(secret=given.made.secret, origin=ORIGIN))) * 1000

    check()
    once = undisturbed(check)
    return quantiles([once() for _ in range(times)], n=100)[98]


def _with_unknown_keys(given: Data, port: int, rounds: int, span: float) -> Figure:
    """Valid requests a second while others come with keys that nobody has, of those without."""
    unknown = [given.asked_with(unknown_secret()) for _ in range(1000)]

    def alone() -> float:
        return load(port, [given.ours], clients=FEW, seconds=span).only(200).rate

    def beside_unknown() -> float:
        with loading(port, unknown, clients=FEW, seconds=span, pause=60 / UNKNOWN_A_MINUTE) as others:
            measured = alone()
            if set(others().statuses) - {401, 429}:
                raise RuntimeError("A key that nobody has was let in.")
        return measured

    quiet, loud = take_turns(rounds, alone, beside_unknown)
    what = f"valid requests beside {UNKNOWN_A_MINUTE:,} with unknown keys a minute, of those alone"
    return Figure(what=what, samples=ratios(loud, quiet), at_least=0.9)


def _with_another_server(given: Data, first: int, rounds: int, span: float) -> list[Figure]:
    """What two processes do at once, and what is left of the second when it ends."""
    made = make_key(given.place)
    with server(HQ) as second:
        times = [_revocation(given, (first, second)) for _ in range(rounds)]
        answered = load(second, [given.asked_with(made.secret)], clients=FEW, seconds=span).only(200)
    with tenant(given.place.id):
        counted = ApiKeyDay.objects.filter(key_id=made.key.id).aggregate(requests=Sum("requests"))["requests"]
    return [
        Figure(what="until two servers refuse a revoked key", samples=times, unit=" s", at_most=1),
        _exactly(1, "requests counted once the server has ended, of those answered", counted / len(answered.times)),
    ]


def _revocation(given: Data, ports: tuple[int, ...]) -> float:
    """Seconds from the revocation until each server has refused the key, which it knew well."""
    made = make_key(given.place)
    request = given.asked_with(made.secret)
    if any(status_of(port, request) != 200 for port in (*ports, *ports)):
        raise RuntimeError("A new key was refused.")
    with tenant(given.place.id):
        revoke_api_key(actor=given.place.actor(), key_id=made.key.id)
    began = perf_counter()
    for port in ports:
        while status_of(port, request) == 200:
            pass
    return perf_counter() - began


def _rotation(given: Data, port: int, span: float) -> int:
    """How many were refused of clients that go on with the old key for a while and then take the new one."""
    old = make_key(given.place)
    with loading(port, [given.asked_with(old.secret)], clients=FEW, seconds=span * 2) as before:
        new = _rotated(given, old)
        with loading(port, [given.asked_with(new.secret)], clients=FEW, seconds=span) as after:
            told = before(), after()
    return sum(count for one in told for status, count in one.statuses.items() if status != 200)


def _rotated(given: Data, old: MadeKey) -> MadeKey:
    with tenant(given.place.id):
        return rotate_api_key(actor=given.place.actor(), key_id=old.key.id, grace_hours=1)
