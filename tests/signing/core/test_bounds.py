"""What a row may hold, held by the database: each rule by its name, whoever writes past the actions."""

from uuid import uuid4

import pytest
from django.db import connection

from hq.db.context import tenant
from hq.lib.clock import now
from signing.actions import seals
from signing.actions.bulk import check_table
from signing.actions.templates import keep_as_template
from signing.models import Batch, Brand, Code, Passkey, SealKey, SealRoot, SignerSession
from tests.factories import make_place
from tests.signing import support
from tests.signing.core.conftest import meanwhile, refused, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return make_place()


def again(table, row_id, **changes):
    """The same row once more, with another id and these changes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        names = [name for (name,) in cursor.fetchall()]
    values = {"id": "gen_random_uuid()"} | changes
    told = ", ".join(values.get(name, f'"{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    write(f"INSERT INTO {table} ({columns}) SELECT {told} FROM {table} WHERE id = %s", row_id)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("sent_at = NULL", "signing_sent_unless_draft"),
        ("expires_at = NULL", "signing_sent_unless_draft"),
        ("ended_at = now()", "signing_ended_iff_over"),
        ("level = 'B-B'", "signing_whole_iff_sealed"),
        ("sealed_event = 1", "signing_whole_iff_sealed"),
        ("final_id = document_id", "signing_whole_iff_sealed"),
        ("days = 0", "signing_agreement_has_bounds"),
        ("days = 366", "signing_agreement_has_bounds"),
        ("remind_every = 366", "signing_agreement_has_bounds"),
    ],
)
def test_an_agreement_that_is_out(place, change, name):
    out = support.sent(place)
    with tenant(place.id), refused(name):
        write(f"UPDATE signing_agreement SET {change} WHERE id = %s", out.id)


def test_a_draft_and_its_document(place):
    draft = support.make_agreement(place)
    with tenant(place.id):
        for change in ("sent_at = now()", "expires_at = now()"):
            with refused("signing_sent_unless_draft"):
                write(f"UPDATE signing_agreement SET {change} WHERE id = %s", draft.id)
        with refused("signing_agreement_has_bounds"):
            write("UPDATE signing_agreement SET version = 0 WHERE id = %s", draft.id)
        with refused("signing_head_is_a_link"):
            again("signing_agreement", draft.id, head="'x'")
        for changes in ({"pages": "0"}, {"pages": "10001"}, {"size": "0"}, {"size": "100000001"}):
            with refused("signing_paper_has_bounds"):
                again("signing_paper", draft.document_id, **changes)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "signing_position_once"),
        ({"position": "0"}, "signing_turn_has_bounds"),
        ({"position": "51"}, "signing_turn_has_bounds"),
        ({"position": "2", "turn": "0"}, "signing_turn_has_bounds"),
        ({"position": "2", "turn": "51"}, "signing_turn_has_bounds"),
        ({"position": "2", "kind": "'witness'"}, "signing_signer_is_of_a_kind"),
        ({"position": "2", "method": "'word'"}, "signing_signer_is_of_a_kind"),
    ],
)
def test_somebody_of_a_draft(place, changes, name):
    one = support.signer(support.make_agreement(place))
    with tenant(place.id), refused(name):
        again("signing_signer", one.id, **changes)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("state = 'delegated'", "signing_delegated_to_somebody"),
        ("delegated_to_id = id", "signing_delegated_to_somebody"),
        ("token_digest = 'x'", "signing_link_is_kept_as_sha256"),
        ("signed_at = now()", "signing_signed_with_consent"),
        ("consent_version = '1'", "signing_consent_to_a_text"),
        ("consented_at = now(), consent_version = '1'", "signing_consent_to_a_text"),
        ("consented_at = now(), consent_language = 'en'", "signing_consent_to_a_text"),
    ],
)
def test_somebody_who_is_asked(place, change, name):
    one = support.signer(support.sent(place))
    with tenant(place.id), refused(name):
        write(f"UPDATE signing_signer SET {change} WHERE id = %s", one.id)


def test_a_field_of_a_draft(place):
    draft = support.make_agreement(place, pdf=support.pdf_of())
    with tenant(place.id):
        field = draft.fields.get()
        with refused("signing_field_number_once"):
            again("signing_field", field.id)
        with refused("signing_field_is_of_a_kind"):
            again("signing_field", field.id, number="2", kind="'stamp'")
        for change in ("width = 0", "height = 0", "page = 0", "x = 700001", "y = 985001"):
            with refused("signing_field_lies_on_its_page"):
                write(f"UPDATE signing_field SET {change} WHERE id = %s", field.id)


def test_what_lets_somebody_in(place):
    one = support.signer(support.sent(place))
    ways = {"organization_id": place.id, "signer": one, "email_index": bytes(32), "expires_at": now()}
    key = {"organization_id": place.id, "email_index": bytes(32), "credential_id": b"1", "public_key": b"1"}
    with tenant(place.id):
        with refused("signing_code_is_kept_as_digest"):
            Code.objects.create(digest=b"123456", **ways)
        with refused("signing_session_is_kept_as_sha256"):
            SignerSession.objects.create(token_digest=b"hqh_token", method="code", **ways)
        Passkey.objects.create(**key)
        with refused("signing_passkey_once"):
            Passkey.objects.create(**key)


def test_a_step(place):
    out = support.sent(place)
    last = support.steps(out)[-1]
    following = {"index": "index + 1", "previous": "hash"}
    with tenant(place.id):
        with refused("signing_step_is_a_link"):
            again("signing_step", last.id, **following, hash="'x'")
        again("signing_step", last.id, **following)


@pytest.mark.django_db(transaction=True)
def test_of_two_steps_at_the_same_moment_one_is_the_next():
    """No trigger of one sees the other."""
    place = make_place()
    last = support.steps(support.sent(place))[-1]

    def add():
        with tenant(place.id):
            again("signing_step", last.id, index="index + 1", previous="hash")

    assert meanwhile(place, add, add) == "IntegrityError"


def test_what_is_sealed_with_and_how_it_looks(place):
    seals.sealing_key(place.id)
    with tenant(place.id):
        with refused("signing_one_root_in_use"):
            SealRoot.objects.create(certificate="x", key="x")
        with refused("signing_one_seal_key_in_use"):
            SealKey.objects.create(organization_id=place.id, certificate="x", key="x", expires_at=now())
        for colour in ("red", "#00636", "#00636G"):
            with refused("signing_colour_is_one"):
                Brand.objects.create(organization_id=place.id, colour=colour)
        Brand.objects.create(organization_id=place.id, colour="#006368")
        with refused("signing_one_brand"):
            Brand.objects.create(organization_id=place.id, colour="#006368", id=uuid4())


def test_a_template_and_a_table(place):
    draft = support.make_agreement(place)
    with tenant(place.id):
        template = keep_as_template(actor=place.actor(), agreement_id=draft.id, name="NDA", text="x")
        for days in (0, 36_501):
            with refused("signing_template_keeps_some_days"):
                type(template).objects.filter(id=template.id).update(keep_days=days)
        rows = Batch.objects.filter(
            id=check_table(actor=place.actor(), template_id=template.id, content=support.TABLE).id
        )
        for changes, name in (
            ({"state": "lost"}, "signing_batch_state_is_known"),
            ({"total": 501}, "signing_batch_has_bounds"),
            ({"state": "sending", "reached": 501}, "signing_batch_has_bounds"),
            ({"state": "sending", "sent": 2}, "signing_batch_has_bounds"),
            ({"state": "done"}, "signing_batch_ended_iff_over"),
            ({"ended_at": now()}, "signing_batch_ended_iff_over"),
            ({"reached": 1}, "signing_batch_sends_nothing_unasked"),
        ):
            with refused(name):
                rows.update(**changes)
