"""Upload requests: what neither senders nor members without the folder may find out."""

import pytest

from hq.db.context import tenant
from hq.lib.errors import NotFound
from sharing import actions, selectors
from tests.sharing.conftest import store
from tests.sharing.test_upload_requests import ask, paths_in, send
from tests.vault.limited import let_rules_decide, member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", ["offer.pdf/a.csv", "offer.pdf/b/a.csv", "d/offer.pdf/a.csv"])
def test_a_sender_does_not_learn_that_a_folder_of_theirs_is_a_file_of_ours(place, name):
    for ours in ("inbox/offer.pdf", "inbox/d/offer.pdf"):
        store(place.actor(), ours, b"ours")
    assert send(ask(place), name).name == name
    assert paths_in(place) == ["inbox/a.csv", "inbox/d/offer.pdf", "inbox/offer.pdf"]


def test_who_may_not_read_the_folder_sees_of_its_requests_only_their_own(place):
    store(place.actor(), "hr/pay/jan", b"1")
    ann = member(place)
    ann.give("hr/pay/")
    let_rules_decide(place)
    secret, shown = (ask(place, folder=folder) for folder in ("hr/", "hr/pay/new/"))
    send(secret, "diagnosis.csv")
    with tenant(place.id):
        assert [row.pk for row in selectors.list_requests(ann.actor)] == [shown.request.pk]
        assert selectors.count_request_states(ann.actor)["open"] == 1
        assert not selectors.list_uploads(ann.actor, secret.request.pk)
        with pytest.raises(NotFound):
            selectors.get_request(ann.actor, secret.request.pk)
        with pytest.raises(NotFound):
            actions.close_request(actor=ann.actor, request_id=secret.request.pk)
        assert len(selectors.list_requests(place.actor())) == 2
