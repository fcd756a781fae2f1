"""HQ's own processes, each as a command line and the environment it gets."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from hq.embedded.layout import ROOT, Layout

# Each blocking thread holds one request and at most one pooled connection; the pool is larger (hq.links).
WEB_THREADS = 24
NETWORK_THREADS = 16
EDGE_THREADS = 16
KEYS = "ensure_platform_keys"  # the command that makes what nobody can sign up without
MANAGE = (sys.executable, str(ROOT / "manage.py"))


@dataclass(frozen=True)
class Program:
    """A process that is kept running. `grace` is how long it may take to end, in seconds.

    One with a `port` beside the web process's is waited for too, before HQ is said to be ready.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    grace: float = 10
    port: int | None = None


def all_programs(layout: Layout) -> list[Program]:
    """In the order of their start."""
    return [web(layout), edge(layout), live(layout), worker(layout), network(layout), beat(layout)]


def web(layout: Layout) -> Program:
    # See docs/adr/0002-web-server.md. No access log of the server's: an address may carry a capability. Its one
    # warning at the start, about many threads, is about computing; ours wait for clients.
    arguments = _served("hq.wsgi:application", layout.port, WEB_THREADS)
    return Program("web", arguments, layout.environment() | {"HQ_DB_POOL": "true"})


def edge(layout: Layout) -> Program:
    """What people publish, on hosts of its own and as a role of its own: see docs/adr/0022-the-edge.md."""
    arguments = _served("edge.wsgi:application", layout.edge_port, EDGE_THREADS)
    environment = layout.environment(role="hq_edge") | {"HQ_DB_POOL": "true"}
    return Program("edge", arguments, environment, port=layout.edge_port)


def live(layout: Layout) -> Program:
    """What pages are told as it happens: see docs/streams.md. It serves itself, so that it can end its streams."""
    arguments = (sys.executable, "-m", "hq.asgi")
    return Program("live", arguments, layout.environment() | {"HQ_DB_POOL": "true"}, port=layout.live_port)


def _served(application: str, port: int, threads: int) -> tuple[str, ...]:
    options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
    limits = ["--blocking-threads", str(threads), "--backpressure", "256", "--http1-buffer-size", "65536"]
    ending = ["--workers-kill-timeout", "3", "--log-level", "error"]
    return (sys.executable, "-m", "granian", *options, *limits, *ending, application)


def worker(layout: Layout) -> Program:
    return _worker(layout, "worker", "--queues", "hq", "--concurrency", "2")


def network(layout: Layout) -> Program:
    """What waits for the servers of others: threads, which cost little while they wait."""
    return _worker(
        layout, "network", "--queues", "hq.network", "--pool", "threads", "--concurrency", str(NETWORK_THREADS)
    )


def _worker(layout: Layout, name: str, *options: str) -> Program:
    # The chatter between workers would only delay the start.
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--hostname", f"{name}@%h")
    arguments = (*_celery(), "worker", "--loglevel", "WARNING", *options, *quiet)
    return Program(name, arguments, _celery_environment(layout))


def beat(layout: Layout) -> Program:
    options = ["--schedule", str(layout.run / "beat-schedule"), "--pidfile="]
    return Program("beat", (*_celery(), "beat", "--loglevel", "WARNING", *options), _celery_environment(layout))


def _celery() -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--quiet", "--app", "hq.celery")


def _celery_environment(layout: Layout) -> dict[str, str]:
    """No pool: connections shared over a fork share a tenant. No word about root: this is one person's machine."""
    return layout.environment() | {
        "HQ_DB_POOL": "false",
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }
