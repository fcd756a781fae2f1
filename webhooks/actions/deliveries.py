"""Bringing a message to an endpoint: sent, noted, tried again; and switching off what does not answer for days.

A worker may be lost between sending and noting. Then the same message is sent again under the same `webhook-id`: each
arrives at least once, and by that id a receiver knows what it has had.

Whoever notes an attempt locks the endpoint before the delivery, as those do who switch one off or remove it.
"""

import random
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from audit.tags import Tag
from hq.authz.actor import system_actor
from hq.crypto import webhooks as crypto
from hq.db.sealing import KeyUnavailable
from hq.lib.clock import now
from jobs.registry import RunningJob
from webhooks.actions.endpoints import switch_off
from webhooks.actions.notices import tell_failing, tell_switched_off
from webhooks.actions.sending import Letter, Outcome, send
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.selectors.endpoints import signing

GONE = 410
# How long after each try the next one is, about 75 hours in all; each up to a tenth earlier or later, so that what
# failed together does not come back together.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
TRIES = len(PAUSES) + 1
# Its people hear of it once so many tries of one message have failed, about 7.5 hours after the first.
TOLD_AFTER = 6
# While the organization's key cannot be reached nothing can be signed. Nobody tries that for longer than a try lasts.
KEY_PAUSE, KEY_PATIENCE = timedelta(minutes=5), timedelta(days=3)


def deliver(job: RunningJob) -> None:
    """Try it now; put it back for later if it does not arrive and is still to be tried."""
    delivery_id = UUID(job.payload["delivery"])
    try:
        letter = _write(job, delivery_id)
    except KeyUnavailable:
        _wait_for_key(job, delivery_id)
        return
    if letter is not None:
        _note_try(job, delivery_id, letter, send(letter))


def send_once(job: RunningJob) -> None:
    """Send it a single time, whatever the state of its endpoint: by hand, or as a test. It says nothing of health."""
    delivery_id = UUID(job.payload["delivery"])
    try:
        letter = _write(job, delivery_id, by_hand=True)
    except KeyUnavailable:
        _wait_for_key(job, delivery_id)
        return
    if letter is not None:
        _note_sending(job, delivery_id, letter, send(letter))


def _write(job: RunningJob, delivery_id: UUID, *, by_hand: bool = False) -> Letter | None:
    """What is to be sent, signed now with every secret that lives; None, with the job done, if nothing is."""
    with job.step():
        found = Delivery.objects.select_related("endpoint", "message").filter(
            organization_id=job.organization_id, pk=delivery_id
        )
        delivery = found.first()
        if delivery is None or not (by_hand or _is_due(delivery)):
            job.complete()
            return None
        body, at = delivery.message.body.encode(), now().replace(microsecond=0)
        message_id, stamp = str(delivery.message_id), int(at.timestamp())
        signature = crypto.sign(signing(delivery.endpoint), message_id, stamp, body)
        return Letter(delivery.endpoint.url, crypto.headers(message_id, stamp, signature), body, at)


def _is_due(delivery: Delivery) -> bool:
    """Whether it is still to be sent. One that was put in while its endpoint was being switched off is cancelled."""
    if delivery.state != Delivery.State.PENDING:
        return False
    if delivery.endpoint.state == Endpoint.State.ENABLED:
        return True
    _finish(delivery, Delivery.State.CANCELLED)
    return False


def _wait_for_key(job: RunningJob, delivery_id: UUID) -> None:
    with job.step():
        delivery = _locked(job, delivery_id)
        if delivery is not None and now() - delivery.at > KEY_PATIENCE:
            if delivery.state == Delivery.State.PENDING:  # one that is sent again may have arrived before
                _finish(delivery, Delivery.State.FAILED)
            delivery = None
        if delivery is None:
            job.complete()
        else:
            job.again(now() + KEY_PAUSE)


def _note_try(job: RunningJob, delivery_id: UUID, letter: Letter, outcome: Outcome) -> None:
    """Write down what came of a try, and decide what follows. Whatever is recorded comes last."""
    with job.step():
        delivery = _locked(job, delivery_id)
        if delivery is None:
            job.complete()
            return
        _note(delivery, letter, outcome, replay=False)
        if outcome.arrived:
            _arrive(job, delivery)
        elif delivery.state != Delivery.State.PENDING:  # it was switched off, or arrived by hand, in between
            job.complete()
        else:
            _fail(job, delivery, outcome)


def _note_sending(job: RunningJob, delivery_id: UUID, letter: Letter, outcome: Outcome) -> None:
    with job.step():
        delivery = _locked(job, delivery_id)
        if delivery is not None:
            _note(delivery, letter, outcome, replay=True)
            if outcome.arrived and delivery.state != Delivery.State.DELIVERED:
                _finish(delivery, Delivery.State.DELIVERED)
            elif delivery.tag == Tag.WEBHOOK_TESTED and delivery.state == Delivery.State.PENDING:
                _finish(delivery, Delivery.State.FAILED)
        job.complete()


def _locked(job: RunningJob, delivery_id: UUID) -> Delivery | None:
    """The delivery with its endpoint, both locked, the endpoint first; None if they are gone."""
    own = {"organization_id": job.organization_id}
    endpoints = Endpoint.objects.filter(**own, deliveries=delivery_id)
    endpoint = endpoints.select_for_update(no_key=True, of=("self",)).first()
    delivery = Delivery.objects.filter(**own, pk=delivery_id).select_for_update(no_key=True).first()
    if endpoint is None or delivery is None:
        return None
    delivery.endpoint = endpoint
    return delivery


def _note(delivery: Delivery, letter: Letter, outcome: Outcome, *, replay: bool) -> None:
    delivery.attempts += 1
    delivery.save(update_fields=["attempts"])
    Attempt.objects.create(
        organization_id=delivery.organization_id,
        delivery_id=delivery.id,
        number=delivery.attempts,
        status=outcome.status,
        fault=outcome.fault,
        milliseconds=outcome.milliseconds,
        replay=replay,
        signed_at=letter.signed_at,
        signature=letter.headers["webhook-signature"],
        answer=outcome.answer,
    )


def _finish(delivery: Delivery, state: Delivery.State) -> None:
    delivery.state, delivery.finished_at, delivery.next_at = state, now(), None
    delivery.save(update_fields=["state", "finished_at", "next_at"])


def _arrive(job: RunningJob, delivery: Delivery) -> None:
    endpoint = delivery.endpoint
    _finish(delivery, Delivery.State.DELIVERED)
    endpoint.delivered_at, endpoint.failing_since, endpoint.warned_at = now(), None, None
    endpoint.save(update_fields=["delivered_at", "failing_since", "warned_at"])
    job.complete()


def _fail(job: RunningJob, delivery: Delivery, outcome: Outcome) -> None:
    """Try later, or not any more. Who is gone, or took nothing for as long as this was tried, is sent nothing more."""
    endpoint = delivery.endpoint
    tries = list(Attempt.objects.filter(_of(delivery), replay=False).order_by("pk").values_list("at", flat=True))
    silent = endpoint.delivered_at is None or endpoint.delivered_at < tries[0]
    if endpoint.failing_since is None:
        endpoint.failing_since = now()
        endpoint.save(update_fields=["failing_since"])
    if outcome.status == GONE or len(tries) >= TRIES:
        _finish(delivery, Delivery.State.FAILED)
        job.complete()
        if outcome.status == GONE:
            _switch_off(endpoint, Endpoint.Reason.GONE)
        elif silent:
            _switch_off(endpoint, Endpoint.Reason.FAILING)
        return
    delivery.next_at = next_at(len(tries), outcome.wait)
    delivery.save(update_fields=["next_at"])
    job.again(delivery.next_at)
    if silent and len(tries) >= TOLD_AFTER and endpoint.warned_at is None:
        endpoint.warned_at = now()
        endpoint.save(update_fields=["warned_at"])
        tell_failing(endpoint)


def _of(delivery: Delivery) -> Q:
    return Q(organization_id=delivery.organization_id, delivery_id=delivery.id)


def next_at(tries: int, wait: timedelta) -> datetime:
    """When to try again after so many. What the receiver asks for can only make it later."""
    pause = PAUSES[tries - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing
    return now() + max(pause, wait)


def _switch_off(endpoint: Endpoint, reason: Endpoint.Reason) -> None:
    """Tell its people, and record it as HQ's own act: as the last statement, like all that is recorded."""
    tell_switched_off(endpoint, reason)
    switch_off(endpoint, system_actor(endpoint.organization_id, environment_id=endpoint.environment_id), reason)
