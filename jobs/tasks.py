"""What Celery runs. Both may be run at any time, by any number of workers, and twice."""

import os
import socket
from datetime import timedelta

from celery import shared_task

from jobs import actions

# Short enough that a worker told to stop does so soon; the next ring goes on where this one left off.
BUDGET = timedelta(seconds=30)


@shared_task(name="jobs.ring")
def ring() -> None:
    """Do what is waiting."""
    actions.run_for(f"{socket.gethostname()}:{os.getpid()}", budget=BUDGET)


@shared_task(name="jobs.reap")
def reap() -> None:
    """Give back what lost workers held, and do it."""
    if actions.reap():
        actions.ring()
