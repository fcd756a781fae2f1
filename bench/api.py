"""The API under load, as HQ runs it: granian on loopback, the clients in a second process.

Beside HQ stands a bare Django view with one SELECT, with the same server, workers, threads and pool, and none of HQ's
middleware. On that view's DRF form, HQ's key check is compared with djangorestframework-api-key's.
"""

from collections.abc import Callable
from statistics import quantiles
from time import perf_counter

from bench.api_data import Data, data
from bench.api_load import load
from bench.api_servers import HQ, PLAIN, server
from bench.figures import Figure, Report, rate, ratios, take_turns
from tenants.actions import authenticate_api_key
from tests.factories import ORIGIN

CLIENTS = 16


def measure(*, rounds: int = 7, seconds: float = 2.0, checks: int = 1000) -> Report:
    with data() as given, server(HQ) as hq, server(PLAIN) as plain:

        def one(port: int, request: bytes) -> Callable[[], float]:
            return lambda: load(port, [request], clients=CLIENTS, seconds=seconds).only(200).rate

        works = (
            one(plain, given.bare),
            one(hq, given.ours),
            one(plain, given.behind_ours),
            one(plain, given.behind_peer),
        )
        take_turns(1, *works)  # to warm up
        bare, ours, behind_ours, behind_peer = take_turns(rounds, *works)
        p99 = [_slowest_check(given, checks) for _ in range(rounds)]
    return Report(
        sizes=f"{CLIENTS} clients, 1 worker, rounds of {seconds:g} s",
        figures=[
            Figure(
                what="an object's metadata, of a bare view with one SELECT", samples=ratios(ours, bare), at_least=0.5
            ),
            Figure(what="p99 of checking a key", samples=p99, unit=" ms", at_most=1),
            Figure(
                what="a view behind our check, of the same behind djangorestframework-api-key",
                samples=ratios(behind_ours, behind_peer),
                at_least=1,
            ),
        ],
        beside={
            "an object's metadata": rate(1, [1 / r for r in ours]),
            "bare view": rate(1, [1 / r for r in bare]),
            "behind our check": rate(1, [1 / r for r in behind_ours]),
            "behind djangorestframework-api-key": rate(1, [1 / r for r in behind_peer]),
        },
    )


def _slowest_check(given: Data, times: int) -> float:
    """Milliseconds that 99 of 100 checks of a warm key take at most."""

    def once() -> float:
        began = perf_counter()
        authenticate_api_key(secret=given.made.secret, origin=ORIGIN)
        return (perf_counter() - began) * 1000

    once()
    return quantiles([once() for _ in range(times)], n=100)[98]
