"""The order in which anything may happen, held by the database: whoever writes past the actions is refused by name."""

from itertools import product

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from hq.db.context import tenant
from hq.lib.ids import new_id
from signing.actions.chain import genesis
from signing.models import Agreement, Field, Signer, Step
from tests.signing import support
from tests.signing.core.conftest import refused, write

GOES = {
    ("draft", "sent"),
    ("sent", "signed"),
    ("sent", "declined"),
    ("sent", "expired"),
    ("sent", "voided"),
    ("signed", "sealed"),
}
SIGNER_GOES = {
    ("waiting", "sent"),
    ("sent", "viewed"),
    ("viewed", "consented"),
    ("consented", "signed"),
    *product(("sent", "viewed", "consented"), ("declined", "delegated")),
}


def is_refused_by(statement, *values):
    """The name of what refuses it; "" if nothing does."""
    try:
        with transaction.atomic():
            write(statement, *values)
            transaction.set_rollback(True)
    except IntegrityError as error:
        return error.__cause__.diag.constraint_name  # type: ignore[union-attr]  # psycopg's own error
    return ""


@pytest.fixture
def sent(place):
    return support.sent(place, [support.person(1), support.person(2, turn=2)])


def test_no_other_step_of_an_agreement_is_possible_however_it_is_written(place, sent):
    """Every state is reached, then each of the others is tried from there."""
    seen = set()

    def try_all(agreement):
        now = support.fresh(agreement).state
        for state in set(Agreement.State.values) - {now}:
            said = is_refused_by("UPDATE signing_agreement SET state = %s WHERE id = %s", state, agreement.id)
            if (now, state) not in GOES:
                assert said == "signing_agreement_in_order", (now, state)
            else:
                assert said != "signing_agreement_in_order", (now, state)
        seen.add(now)

    others = [support.sent(place) for _ in range(3)]
    draft = support.make_agreement(place)
    with tenant(place.id):
        try_all(draft)
        try_all(sent)
        for one, state in zip(others, ("declined", "expired", "voided"), strict=True):
            write("UPDATE signing_agreement SET state = %s, ended_at = now() WHERE id = %s", state, one.id)
            try_all(one)
    signed = support.sign_all(sent)
    with tenant(place.id):
        try_all(signed)
        write(
            "UPDATE signing_agreement SET state = 'sealed', ended_at = now(), final_id = document_id, level = 'B-B',"
            " sealed_event = 1 WHERE id = %s",
            signed.id,
        )
        try_all(signed)
    assert seen == set(Agreement.State.values)


def test_no_other_step_of_a_signer_is_possible_however_it_is_written(place):
    agreement = support.sent(place, 8, may_delegate=True)
    one, *_ = support.signers(agreement)
    seen = set()

    def try_all():
        with tenant(place.id):
            now = Signer.objects.get(id=one.id).state
            for state in set(Signer.State.values) - {now}:
                said = is_refused_by("UPDATE signing_signer SET state = %s WHERE id = %s", state, one.id)
                assert (said == "signing_signer_in_order") == ((now, state) not in SIGNER_GOES), (now, state, said)
            seen.add(now)

    try_all()
    with tenant(place.id):
        write("UPDATE signing_signer SET state = 'viewed' WHERE id = %s", one.id)
    try_all()
    with tenant(place.id):
        write(
            "UPDATE signing_signer SET state = 'consented', consented_at = now(), consent_version = '1',"
            " consent_language = 'en' WHERE id = %s",
            one.id,
        )
    try_all()
    with tenant(place.id):
        write("UPDATE signing_signer SET state = 'signed', signed_at = now() WHERE id = %s", one.id)
    try_all()
    for position, more in ((2, ""), (3, f", delegated_to_id = '{one.id}'")):
        state = "delegated" if more else "declined"
        one = support.signer(agreement, position)
        with tenant(place.id):
            write(f"UPDATE signing_signer SET state = '{state}'{more} WHERE id = %s", one.id)
        try_all()
    one = support.signer(support.sent(place, [support.person(1), support.person(2, turn=2)]), 2)
    try_all()
    assert seen == set(Signer.State.values)


def test_nobody_acts_before_their_turn_or_while_it_is_not_out(place, sent):
    second = support.signer(sent, 2)
    draft = support.make_agreement(place)
    with tenant(place.id):
        with refused("signing_in_turn"):
            write("UPDATE signing_signer SET state = 'sent' WHERE id = %s", second.id)
        with refused("signing_only_while_sent"):
            write("UPDATE signing_signer SET state = 'sent' WHERE agreement_id = %s", draft.id)
        write("UPDATE signing_agreement SET state = 'voided', ended_at = now() WHERE id = %s", sent.id)
        with refused("signing_only_while_sent"):
            write("UPDATE signing_signer SET state = 'viewed' WHERE id = %s", support.signer(sent, 1).id)


def test_it_is_not_whole_before_everybody_has_signed(place, sent):
    with tenant(place.id), refused("signing_whole_once_all_signed"):
        write("UPDATE signing_agreement SET state = 'signed' WHERE id = %s", sent.id)


def test_nobody_has_signed_without_consent_to_a_text(place, sent):
    one = support.signer(sent)
    with tenant(place.id):
        write("UPDATE signing_signer SET state = 'viewed' WHERE id = %s", one.id)
        with refused("signing_consent_to_a_text"):
            write("UPDATE signing_signer SET state = 'consented', consented_at = now() WHERE id = %s", one.id)
        write("UPDATE signing_signer SET state = 'consented' WHERE id = %s", one.id)
        with refused("signing_signed_with_consent"):
            write("UPDATE signing_signer SET state = 'signed', signed_at = now() WHERE id = %s", one.id)


def test_everything_begins_at_its_beginning(place, sent):
    copied = "id, organization_id, environment_id, title, message, source, document_id, version, language, days,"
    copied += " remind_every, may_delegate, created_at, created_by_kind, created_by_id, created_by_label, length, head,"
    copied += " level, sent_at, expires_at"
    values = copied.replace("id,", "gen_random_uuid(),", 1)
    with tenant(place.id):
        with refused("signing_born_at_the_beginning"):
            write(f"INSERT INTO signing_agreement ({copied}, state) SELECT {values}, 'sent' FROM signing_agreement")
        with refused("signing_born_at_the_beginning"):
            one = support.signer(sent)
            one.id, one.position, one.token_digest = None, 3, None
            Signer.objects.bulk_create([one])


def test_the_document_and_the_fields_stay_once_it_was_sent(place, sent):
    other = support.make_agreement(place)
    with tenant(place.id):
        field = Field.objects.filter(agreement=sent)[0]
        with refused("signing_document_stays"):
            write("UPDATE signing_agreement SET document_id = %s WHERE id = %s", other.document_id, sent.id)
        with refused("signing_document_stays"):
            write("UPDATE signing_agreement SET version = version + 1 WHERE id = %s", sent.id)
        for change in ("page = 1, width = 5, height = 5", "required = false", "kind = 'date'"):
            with refused("signing_fields_stay"):
                write(f"UPDATE signing_field SET {change} WHERE id = %s", field.id)
        field.id, field.number = None, 9
        with refused("signing_fields_stay"):
            Field.objects.bulk_create([field])


def test_a_step_hangs_on_the_one_before_and_the_first_on_its_agreement(place, sent):
    last = support.steps(sent)[-1]
    draft = support.make_agreement(place)

    def insert(step, agreement, index, previous):
        step.id, step.agreement, step.index, step.previous = None, agreement, index, previous
        Step.objects.bulk_create([step])

    with tenant(place.id):
        head = bytes(last.hash)
        for index, previous in ((last.index + 1, bytes(32)), (last.index + 2, head), (last.index, head)):
            with refused("signing_step_hangs_on_one", "signing_step_once"):
                insert(last, sent, index, previous)
        draft.id, draft.length = new_id(), 0
        draft.save(force_insert=True)
        with refused("signing_step_hangs_on_one"):
            insert(last, draft, 1, genesis(sent.id))
        insert(last, draft, 1, genesis(draft.id))


def test_what_was_done_is_not_written_anew(place, sent):
    with tenant(place.id):
        for column in ("hash", "previous", "index", "kind", "at", "agreement_id", "signer_id", "document", "detail"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                write(f"UPDATE signing_step SET {column} = {column} WHERE agreement_id = %s", sent.id)
