"""What Celery runs. Each may be run at any time, by any number of workers, and twice."""

import logging
import os
import socket
from datetime import timedelta
from threading import Thread
from time import monotonic, sleep
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from jobs import actions
from jobs.registry import NETWORK

log = logging.getLogger("hq.jobs")
# Short enough that a worker told to stop does so soon; the next ring goes on where this one left off.
BUDGET = timedelta(seconds=30)
# How long what is being done may still take when the worker is told to stop: less than what an operator's tools wait.
DRAIN_SECONDS = 5.0


@shared_task(name="jobs.ring")
def ring() -> None:
    """Do what is waiting."""
    actions.run_for(_worker(), budget=BUDGET)


@shared_task(name="jobs.ring_network")
def ring_network() -> None:
    """Do what is waiting for the servers of others."""
    actions.run_for(_worker(), budget=BUDGET, lane=NETWORK)


@shared_task(name="jobs.reap")
def reap() -> None:
    """Give back what lost workers held, and do it."""
    if actions.reap():
        actions.ring()


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


@worker_shutting_down.connect
def _close(**_: Any) -> None:
    """A worker of threads that is told to stop. One of processes has nothing in its main process, and goes as ever."""
    if actions.close():
        Thread(target=_drain, daemon=True, name="drain").start()


def _drain() -> None:
    """Wait a little for what is being done, then hand it to others: a slow server must not decide when we end."""
    end = monotonic() + DRAIN_SECONDS
    while not actions.is_idle():
        if monotonic() > end:
            try:
                log.warning("given back at the end", extra={"jobs": actions.give_back()})
            finally:
                os._exit(0)
        sleep(0.05)
