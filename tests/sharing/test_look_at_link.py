"""Looking uses nothing up: a mail scanner follows every address it sees."""

from datetime import timedelta

import pytest

from hq.db.context import tenant
from sharing import actions
from sharing.actions.redemption import LinkCannotBeOpened
from tests.sharing.conftest import RECIPIENT, SCANNER, attempts_of, kinds_of, link_of, share, store


def look(made):
    return actions.look_at_link(token=made.token, origin=SCANNER)


def test_it_says_who_shares_what_until_when(place):
    offer = look(share(place))
    assert offer.organization_name == place.organization.name
    assert offer.link.created_by_label == "Olive Owner"
    assert offer.link.purpose == "Q3 claims"
    assert [(file.path, file.size) for file in offer.pinned] == [("claims/register.csv", 19), ("claims/method.md", 9)]


def test_it_burns_nothing_however_often(place):
    made = share(place)
    for _ in range(5):
        look(made)
    assert link_of(made).opened_at is None
    assert actions.redeem_share(token=made.token, origin=RECIPIENT).paths == made.paths


def test_it_keeps_who_looked(place):
    made = share(place)
    look(made)
    (looked,) = attempts_of(made)
    assert (looked.kind, looked.ip, looked.user_agent) == ("looked", SCANNER.ip, "mail scanner")


def test_it_shows_a_file_that_is_to_be_written_without_a_size(place):
    offer = look(share(place, "inbox/answer.pdf", permission="write"))
    assert [(file.path, file.size, file.sha256) for file in offer.pinned] == [("inbox/answer.pdf", None, None)]


def test_it_shows_what_is_there_now(place):
    made = share(place, "claims/method.md")
    store(place.actor(), "claims/method.md", b"# A longer method\n")
    assert look(made).pinned[0].size == 18


@pytest.mark.parametrize("end", ["spent", "revoked", "tampered"])
def test_it_says_nothing_of_a_link_that_cannot_be_opened(place, end):
    made = share(place)
    token = made.token
    if end == "spent":
        actions.redeem_share(token=token, origin=RECIPIENT)
    if end == "revoked":
        with tenant(place.id):
            actions.revoke_share(actor=place.actor(), share_id=made.link.id)
    if end == "tampered":
        token = token[:60] + ("A" if token[60] != "A" else "B") + token[61:]
    with pytest.raises(LinkCannotBeOpened):
        actions.look_at_link(token=token, origin=SCANNER)
    assert kinds_of(made)[-1] == end


def test_it_says_nothing_of_an_expired_link(place, earlier):
    earlier(timedelta(minutes=2))
    made = share(place, seconds=60)
    earlier(timedelta(0))
    with pytest.raises(LinkCannotBeOpened):
        look(made)
    assert kinds_of(made) == ["expired"]
