"""What somebody who speaks to the database as the running application gets past its actions: nothing that was sent."""

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from hq.db.context import tenant
from hq.lib.ids import new_id
from signing.models import Agreement, Signer, Step
from tests.factories import make_place
from tests.signing import support
from tests.signing.core.conftest import refused, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def out(place):
    return support.sent(place, 2)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM signing_step", "UPDATE signing_step SET document = document", "TRUNCATE signing_step"]
)
def test_a_step_is_not_taken_back(place, out, statement):
    before = support.kinds(out)
    with tenant(place.id), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        write(statement)
    assert support.kinds(out) == before


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("DELETE FROM signing_field WHERE agreement_id = %s", "signing_fields_stay"),
        ("DELETE FROM signing_signer WHERE agreement_id = %s", "signing_asked_stays"),
        ("UPDATE signing_signer SET kind = 'viewer' WHERE agreement_id = %s", "signing_asked_stays"),
        ("UPDATE signing_signer SET method = 'link' WHERE agreement_id = %s", "signing_asked_stays"),
        ("UPDATE signing_signer SET turn = 9 WHERE agreement_id = %s", "signing_asked_stays"),
        ("UPDATE signing_agreement SET length = length - 1 WHERE id = %s", "signing_chain_grows_by_steps"),
        ("UPDATE signing_agreement SET head = sha256('x') WHERE id = %s", "signing_chain_grows_by_steps"),
        ("UPDATE signing_agreement SET length = length + 1 WHERE id = %s", "signing_chain_grows_by_steps"),
    ],
)
def test_what_was_asked_of_whom_stays(place, out, statement, name):
    with tenant(place.id), refused(name):
        write(statement, out.id)


@pytest.mark.parametrize("table", ["signing_field", "signing_signer"])
def test_nothing_is_moved_to_another_agreement(place, out, table):
    draft = support.make_agreement(place, 2)
    name = {"signing_field": "signing_fields_stay", "signing_signer": "signing_asked_stays"}[table]
    with tenant(place.id), refused(name):
        write(f"UPDATE {table} SET agreement_id = %s WHERE agreement_id = %s", draft.id, out.id)


def test_nothing_is_moved_to_another_environment_or_tenant(place, out):
    other = make_place()
    with tenant(place.id):
        with refused("signing_environment_stays"):
            write("UPDATE signing_agreement SET environment_id = %s WHERE id = %s", place.test_id, out.id)
        for table in ("agreement", "signer", "field", "paper", "step"):
            with pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic():
                write(f"UPDATE signing_{table} SET organization_id = %s", other.id)
    with tenant(other.id):
        assert not Agreement.objects.exists()


def test_who_has_signed_stays_who_has_signed(place, out):
    one = support.signer(out)
    support.sign(one)
    with tenant(place.id):
        for change in ("consent_version = '0'", "signed_at = now()", "email_index = sha256('x')"):
            with refused("signing_acted_stays"):
                write(f"UPDATE signing_signer SET {change} WHERE id = %s", one.id)


def test_behind_the_seal_nothing_changes_and_nobody_comes(place):
    done, other = support.sealed(place), support.sealed(place)
    last = support.steps(done)[-1]
    with tenant(place.id):
        for change in (f"final_id = '{other.final_id}'", "level = 'B-T'", "sealed_event = 1", "length = length - 1"):
            with refused("signing_seal_stays", "signing_chain_grows_by_steps"):
                write(f"UPDATE signing_agreement SET {change} WHERE id = %s", done.id)
        with refused("signing_step_is_next"):
            last.id, last.index, last.previous = new_id(), last.index + 1, last.hash
            Step.objects.bulk_create([last])
        with refused("signing_asked_stays"):
            one = support.signer(done)
            one.id, one.position, one.state, one.token_digest = new_id(), 9, "waiting", None
            one.signed_at, one.consented_at, one.consent_version, one.consent_language = None, None, "", ""
            Signer.objects.bulk_create([one])


def test_a_paper_keeps_its_content(place):
    done, other = support.sealed(place), support.sealed(place)
    with tenant(place.id):
        with pytest.raises(Exception, match="content") as error, transaction.atomic():
            write("UPDATE signing_paper SET blob_id = %s WHERE id = %s", other.final.blob_id, done.final_id)
        assert isinstance(error.value, (IntegrityError, ProgrammingError))
        for column in ("size", "pages"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                write(f"UPDATE signing_paper SET {column} = 1")
