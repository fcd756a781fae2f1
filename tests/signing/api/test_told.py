"""Each step that the database lets an agreement or a signer go is told by an event that webhooks can be asked for."""

import json
import re
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditEvent
from audit.tags import Tag
from hq.db.context import tenant
from hq.embedded.layout import ROOT
from signing.actions import acts, sending
from signing.models import Agreement
from signing.tasks import sweep
from tests.factories import make_place, run_jobs
from tests.signing import support
from tests.signing.sealing.test_upkeep import later
from webhooks.actions import create_endpoint
from webhooks.models import Message
from webhooks.views import picker

pytestmark = pytest.mark.django_db(transaction=True)
AGREEMENT = {
    ("draft", "sent"): Tag.AGREEMENT_SENT,
    ("sent", "signed"): Tag.AGREEMENT_SIGNED,
    ("sent", "declined"): Tag.AGREEMENT_DECLINED,
    ("sent", "expired"): Tag.AGREEMENT_EXPIRED,
    ("sent", "voided"): Tag.AGREEMENT_VOIDED,
    ("signed", "sealed"): Tag.AGREEMENT_SEALED,
}
SIGNER = {
    ("waiting", "sent"): Tag.AGREEMENT_SENT,  # or by whoever's act made it their turn
    ("sent", "viewed"): Tag.AGREEMENT_VIEWED,
    ("viewed", "consented"): Tag.AGREEMENT_CONSENTED,
    ("viewed", "sent"): Tag.AGREEMENT_CORRECTED,
    ("consented", "signed"): Tag.AGREEMENT_SIGNED,
    **{(state, "declined"): Tag.AGREEMENT_DECLINED for state in ("sent", "viewed", "consented")},
    **{(state, "delegated"): Tag.AGREEMENT_DELEGATED for state in ("sent", "viewed", "consented")},
}


def allowed(function):
    """What a trigger of the database lets pass: its pairs, and the one that it takes by another rule."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [function])
        [(source,)] = cursor.fetchall()
    rule = source.partition("THEN")[0]
    pairs = re.findall(r"\('(\w+)', '(\w+)'\)", rule)
    return {*pairs, *re.findall(r"OLD\.state = '(\w+)' AND NEW\.state = '(\w+)'", rule)}


def test_the_tables_are_those_of_the_database_and_webhooks_can_be_asked_for_each(db):
    assert allowed("signing_agreement_order") == set(AGREEMENT)
    assert allowed("signing_signer_order") == set(SIGNER)
    offered = {choice.tag for group in picker.groups(Tag) for choice in group.choices}
    documented = set(re.findall(r"^\| `([\w:]+)` \|", (ROOT / "docs/events.md").read_text(), re.MULTILINE))
    assert {*AGREEMENT.values(), *SIGNER.values()} <= offered & documented


class Watch:
    """Which event came with which move."""

    def __init__(self, place):
        self.place, self.seen = place, defaultdict(set)

    def act(self, agreement, do):
        before, known = self._states(agreement), self._tags()
        do()
        tags = set(self._tags() - known)
        for whose, state in self._states(agreement).items():
            if before.get(whose, "waiting") != state:
                table = "agreement" if whose == agreement.id else "signer"
                self.seen[table, before.get(whose, "waiting"), state] |= tags

    def _states(self, agreement):
        return {agreement.id: support.fresh(agreement).state} | {
            one.id: one.state for one in support.signers(agreement)
        }

    def _tags(self):
        with tenant(self.place.id):
            return Counter(AuditEvent.objects.filter(tag__startswith="agreement:").values_list("tag", flat=True))


def within(agreement, do):
    with tenant(agreement.organization_id):
        return do()


def look(agreement):
    within(agreement, lambda: acts.view_document(support.stand(support.signer(agreement))))


def steps_to(agreement, state):
    """Up to just before what is asked about."""
    if state == "viewed":
        look(agreement)
    elif state == "consented":
        support.consent(support.signer(agreement))


def test_each_move_is_told_as_it_is_made_and_goes_to_webhooks():
    place = make_place()
    watch, owner = Watch(place), place.actor()
    with tenant(place.id):
        create_endpoint(actor=owner, name="All", url="https://hook.example/", events=["*"])
    one = support.make_agreement(place)
    text = sending.text_of(one)
    watch.act(one, lambda: within(one, lambda: sending.send_agreement(actor=owner, agreement_id=one.id, text=text)))
    watch.act(one, lambda: look(one))
    name = {"name": "Ada Holm", "email": "ada@holm.example"}
    corrected: dict[str, Any] = {"agreement_id": one.id, "signer_id": support.signer(one).id, **name}
    watch.act(one, lambda: within(one, lambda: sending.correct_signer(actor=owner, **corrected)))
    look(one)
    watch.act(one, lambda: support.consent(support.signer(one)))
    watch.act(one, lambda: support.sign(support.signer(one)))
    watch.act(one, run_jobs)
    for state in ("sent", "viewed", "consented"):
        _refuse_and_hand_on(watch, place, state)
    void, late = support.sent(place), support.sent(place)
    watch.act(void, lambda: within(void, lambda: sending.void_agreement(actor=owner, agreement_id=void.id, reason="x")))
    later(late, timedelta(days=late.days))
    watch.act(late, expire)
    expected = {("agreement", *pair): tag for pair, tag in AGREEMENT.items()}
    expected |= {("signer", *pair): tag for pair, tag in SIGNER.items()}
    assert {move: str(tag) for move, tag in expected.items() if tag not in watch.seen[move]} == {}
    with tenant(place.id):
        [signed] = Message.objects.filter(tag=Tag.AGREEMENT_SIGNED)
        assert json.loads(signed.body)["data"]["after"]["state"] == "signed"
        told = Counter(Message.objects.filter(tag__startswith="agreement:").values_list("tag", flat=True))
    assert told == watch._tags()
    assert support.fresh(one).state == Agreement.State.SEALED


def expire():
    sweep()
    run_jobs()


def _refuse_and_hand_on(watch, place, state):
    declined, handed = support.sent(place), support.sent(place, may_delegate=True)
    for agreement in (declined, handed):
        steps_to(agreement, state)
    standing = [support.stand(support.signer(one)) for one in (declined, handed)]
    watch.act(declined, lambda: within(declined, lambda: acts.decline_agreement(standing[0], reason="No")))
    to = {"name": "Kim Ferro", "email": "kim@ferro.example"}
    watch.act(handed, lambda: within(handed, lambda: acts.delegate_signing(standing[1], **to)))
