"""What is known of an object, in as few steps as there can be, and nothing of another organization."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from hq.db.context import current_tenant
from tests.factories import Place, make_api_key, make_place
from tests.vault.http import Api
from tests.vault.limited import let_rules_decide, member, store
from vault.models import StoredObject


def test_a_key_with_a_role_asks_the_database_three_things_and_leaves_nothing_open(committed_place: Place) -> None:
    store(committed_place, ["a"])
    api = Api(committed_place, make_api_key(committed_place))
    assert api("GET", "object-metadata?path=a").status_code == 200  # the key's first use is put down
    with CaptureQueriesContext(connection) as asked:
        assert api("GET", "object-metadata?path=a").json()["path"] == "a"
    assert len(asked) == 3, asked.captured_queries  # whose key, the object, the line in the access log
    assert current_tenant() is None
    assert not StoredObject.objects.exists()


def test_keys_take_turns_on_one_connection_and_each_sees_its_own(committed_place: Place) -> None:
    other = make_place()
    store(committed_place, ["a", "b"])
    store(other, ["a"])
    ours, theirs = (Api(place, make_api_key(place)) for place in (committed_place, other))
    for _ in range(3):
        told = [api("GET", f"object-metadata?path={path}").status_code for api in (ours, theirs) for path in "ab"]
        assert told == [200, 200, 200, 404]


def test_who_is_given_a_folder_by_a_rule_is_told_of_what_lies_in_it(committed_place: Place) -> None:
    store(committed_place, ["hr/pay", "notice"])
    let_rules_decide(committed_place)
    ann = member(committed_place)
    ann.give("hr/")
    api = ann.api()
    assert [api("GET", f"object-metadata?path={path}").status_code for path in ("hr/pay", "notice")] == [200, 403]
