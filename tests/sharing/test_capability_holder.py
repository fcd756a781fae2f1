"""sharing.actions.LinkTokens: how many links still give something, and under which version of the key."""

from datetime import timedelta

from hq.db.context import tenant
from hq.db.sealing import Purpose
from hq.lib.clock import now
from hq.lib.ids import new_id
from keys import registry
from sharing import actions
from sharing.actions import LinkTokens
from sharing.models import SESSION_LIFE, ShareLink
from tests.factories import make_place
from tests.keys.support import new_data_key
from tests.sharing.conftest import RECIPIENT, link_of, share, store

HOLDER = LinkTokens()


def rows(place):
    with tenant(place.id):
        return HOLDER.count(place.id).rows


def left(place, version):
    with tenant(place.id):
        return HOLDER.left(place.id, version)


def test_it_is_registered_among_those_that_keep_what_they_have():
    [holder] = [holder for holder in registry.holders(new_id()) if holder.name == "sharing_link"]
    assert (holder.title, holder.purpose) == ("Share links", Purpose.CAPABILITY)
    assert holder.purpose in registry.KEPT


def test_links_that_can_be_opened_or_are_in_use_count(place):
    share(place)
    actions.redeem_share(token=share(place).token, origin=RECIPIENT)
    with tenant(place.id):
        assert HOLDER.count(place.id) == (2, 0)  # no token is kept, so there are no bytes of any


def test_links_that_give_nothing_any_more_do_not_count(place, earlier):
    revoked = share(place)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=revoked.link.id)
    earlier(timedelta(minutes=20))
    share(place, seconds=60)  # expired
    spent = share(place, seconds=3600)
    assert rows(place) == 1
    with tenant(place.id):
        ShareLink.objects.filter(id=spent.link.id).update(opened_at=now() - SESSION_LIFE - timedelta(seconds=1))
    assert rows(place) == 0


def test_only_links_under_an_older_version_are_left_and_they_still_open(place):
    former = share(place)
    version = new_data_key(place.id, Purpose.CAPABILITY)
    newer = share(place)
    assert (link_of(former).key_version, link_of(newer).key_version) == (1, version)
    assert (left(place, 1), left(place, version), left(place, version + 1)) == (0, 1, 2)
    for made in (former, newer):
        assert actions.redeem_share(token=made.token, origin=RECIPIENT).session_token
    assert left(place, version) == 1  # in use


def test_links_of_others_do_not_count(place):
    other = make_place()
    store(other.actor(), "a", b"content")
    share(other, "a")
    assert rows(place) == left(place, 9) == 0
    with tenant(place.id):
        assert HOLDER.count(other.id).rows == 0


def test_there_is_nothing_to_seal_again(place):
    made = share(place)
    version = new_data_key(place.id, Purpose.CAPABILITY)
    assert HOLDER.reseal(lambda: tenant(place.id), place.id, version, None, 100) == (0, 0, None)
    assert link_of(made).key_version == 1
