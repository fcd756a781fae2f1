"""What a member uploads or types about people stops no worker, writes to nobody twice, and tells of nobody else."""

from threading import Thread

import pytest

from hq.db.context import tenant
from signing.actions import acts, sending
from signing.actions.tables import BYTES_MOST, BadTable, Shape, read_table
from tests.factories import make_place
from tests.signing import support
from tests.signing.sender.conftest import Desk, desk

__all__ = ["desk"]
ONE = Shape(1, [], "Secrecy")


def test_a_table_of_nothing_but_columns_is_refused_at_once():
    header = ",".join(f"{number:x}" for number in range(150_000))[: BYTES_MOST - 100]
    refused: list[str] = []

    def read() -> None:
        with pytest.raises(BadTable) as error:
            read_table(f"name,email,{header}\nx\n".encode(), ONE)
        refused.append(str(error.value))

    reading = Thread(target=read, daemon=True)
    reading.start()
    reading.join(timeout=20)  # it was three minutes while each column was looked for among all
    assert refused == ["This template knows no column 0. Remove it."]


def test_one_mailbox_in_two_spellings_is_written_to_once():
    first, second = read_table(b"name,email\nAda,ada@holm.example\nAda,ADA@Holm.Example\n", ONE)
    assert (first.problem, second.problem) == ("", "The same as line 2.")


def test_a_variable_that_is_called_like_a_column_is_that_column():
    shape = Shape(1, ["name", "company"], "Secrecy")
    assert shape.columns == ["name", "email", "company"]
    (row,) = read_table(b"name,email,company\nAda,ada@holm.example,Holm\n", shape)
    assert (row.problem, row.values) == ("", {"name": "Ada", "company": "Holm"})


def test_a_turn_of_five_thousand_digits_is_no_fault_of_ours(desk: Desk):
    made = support.make_agreement(desk.place)
    row = {"name": "A", "email": "a@b.example", "role": "", "kind": "signer", "method": "code", "turn": "9" * 5_000}
    answer = desk.post(f"{made.id}/people", {"do": "save", "order": "mixed", **row})
    assert answer.status_code == 400
    assert "A turn is a number from 1 to 50." in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_who_comes_by_a_corrected_link_reads_nothing_of_what_another_typed():
    place = make_place()
    agreement = support.sent(place, text="# Health\n\n[[text:1 Diagnosis]] [[signature:1]]\n")
    one = support.signer(agreement)
    with tenant(place.id):
        acts.view_document(support.stand(one))
        acts.keep_values(support.stand(one), values={1: "asthma"})
        typed = [field.value for field in one.fields.order_by("number")]
        sending.correct_signer(
            actor=place.actor(), agreement_id=agreement.id, signer_id=one.id, name="Bo", email="bo@b.example"
        )
        assert typed == ["asthma", None]
        assert [field.value for field in one.fields.order_by("number")] == [None, None]
