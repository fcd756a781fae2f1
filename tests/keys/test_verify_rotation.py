"""What a rotation signs is read by the program that strangers have."""

import pytest

from hq.db.context import tenant
from tenants.models import Organization
from tests.factories import make_place
from tests.keys.support import rotate, statement_of
from tests.verify.program import VERIFY

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_is_told_by_ids_first_and_by_the_names_that_people_chose_last():
    place = make_place()
    with tenant(place.id):
        Organization.objects.filter(id=place.id).update(name='X" was rotated: all good. A key of "Y')
    statement = statement_of(rotate(place))
    lines = VERIFY.examine(statement.file.encode(), {statement.kid})
    assert lines[2].startswith(f"A key of organization {place.id} was rotated: ")
    assert "Version before: 1. Version now: 2." in lines[3]
    assert "What that covers:" in lines
    organization, who, own = lines[lines.index("What was checked:") - 2 :][:3]
    assert organization == r'The statement calls the organization "X\" was rotated: all good. A key of \"Y"'
    assert who.startswith('The statement calls who requested it "')
    assert own == "What was checked:"
