"""Who may act in whose name: not support, not an admin in a colleague's, and nobody while a hold is being placed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction

from hq.authz.permissions import SUPPORT_READS, SUPPORT_WRITES, AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from retention import actions as retention
from signing.actions import drafts, sending, templates
from signing.actions.drafts import Wish
from signing.actions.faults import (
    CannotBeSigned,
    InAnothersName,
    NotForSupport,
    RemindedAlready,
    StillKept,
)
from signing.models import Agreement
from tests.factories import make_member, make_place
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


def template_of(place, agreement):
    with tenant(place.id):
        return templates.keep_as_template(
            actor=place.actor(), agreement_id=agreement.id, name="NDA", text=support.text_for(support.people_of(1))
        )


def test_support_looks_and_neither_sends_ends_nor_removes(place):
    operator = replace(
        place.actor(), kind="operator", method=AuthMethod.SUPPORT, permissions=SUPPORT_READS | SUPPORT_WRITES
    )
    out, draft = support.sent(place), support.make_agreement(place)
    template = template_of(place, draft)
    ends: list[Callable[[], object]] = [
        lambda: sending.void_agreement(actor=operator, agreement_id=out.id, reason="Tidying up"),
        lambda: sending.remove_agreement(actor=operator, agreement_id=draft.id),
        lambda: templates.remove_template(actor=operator, template_id=template.id),
    ]
    sends: list[Callable[[], object]] = [
        lambda: sending.send_agreement(actor=operator, agreement_id=draft.id),
        lambda: sending.remind_signers(actor=operator, agreement_id=out.id),
        lambda: drafts.change_agreement(actor=operator, agreement_id=draft.id, wish=Wish(title="Other")),
    ]
    with tenant(place.id):
        for act in ends:
            with pytest.raises(NotForSupport):
                act()
        for act in sends:
            with pytest.raises(Denied, match=Permission.SHARES_CREATE):
                act()


def test_nobody_sends_what_a_colleague_prepared(place):
    member = make_member(place, Role.DEVELOPER)
    theirs = support.make_agreement(place, actor=place.actor(Role.DEVELOPER, member))
    text = sending.text_of(theirs)
    with tenant(place.id):
        for actor in (place.actor(), place.actor(Role.ADMIN, make_member(place, Role.ADMIN))):
            with pytest.raises(InAnothersName):
                sending.send_agreement(actor=actor, agreement_id=theirs.id, text=text)
        key = replace(
            place.actor(Role.DEVELOPER, member),
            kind="api_key",
            id=place.id,
            method=AuthMethod.API_KEY,
            principal_id=theirs.membership_id,
        )
        sending.send_agreement(actor=key, agreement_id=theirs.id, text=text)
    assert support.fresh(theirs).state == "sent"


def test_nobody_is_reminded_twice_by_two_clicks(place):
    agreement = support.sent(place)
    with tenant(place.id):
        sending.remind_signers(actor=place.actor(), agreement_id=agreement.id)
        with pytest.raises(RemindedAlready) as again:
            sending.remind_signers(actor=place.actor(), agreement_id=agreement.id)
        assert again.value.wait == sending.REMIND_GAP.total_seconds()
        Agreement.objects.filter(id=agreement.id).update(reminded_at=now() - sending.REMIND_GAP - timedelta(seconds=1))
        assert sending.remind_signers(actor=place.actor(), agreement_id=agreement.id) == 1


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"  # unlike activity, looked up anew each time


def wait_until_somebody_waits():
    pause = Event()
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        pause.wait(0.05)
    raise AssertionError("nobody waits for anybody")


@pytest.mark.parametrize("whole", [True, False], ids=["of everything", "of the template"])
def test_a_hold_that_is_being_placed_comes_before_who_removes(place, whole):
    draft = support.make_agreement(place)
    template = template_of(place, draft)
    ended: list[str] = []
    with tenant(place.id):
        Agreement.objects.filter(id=draft.id).update(template=template)

    def remove():
        try:
            with tenant(place.id):
                sending.remove_agreement(actor=place.actor(), agreement_id=draft.id)
            ended.append("removed")
        except StillKept:
            ended.append("kept")
        finally:
            connections.close_all()

    other = Thread(target=remove)
    with transaction.atomic(), tenant(place.id):
        if whole:
            retention.place_hold(actor=place.actor(), name="Case", reason="A court asks")
        else:
            templates.hold_template(actor=place.actor(), template_id=template.id, held=True)
        other.start()
        wait_until_somebody_waits()
    other.join(timeout=20)
    assert ended == ["kept"]


def test_a_role_is_called_by_one_line(place):
    template = template_of(place, support.make_agreement(place))
    for role in ("Buyer\r\nBcc: all@x.example", "Buy\u202eer"):
        with tenant(place.id), pytest.raises(CannotBeSigned, match="one line"):
            templates.change_template(
                actor=place.actor(), template_id=template.id, wish=Wish(title="NDA"), roles=[role]
            )
