"""Bringing one's own KMS key and going back (KEY-6), over HTTP, as an IAM user with the documented policy."""

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.crypto import statements
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable, header
from hq.lib.errors import Denied
from keys import actions, rings, selectors
from keys.models import Cmk, DataKey, Rotation, SigningKey
from keys.providers import provider
from tenants import actions as tenants
from tenants.models import Invitation
from tests.aws.fixtures import kms, ministack
from tests.factories import make_place, run_jobs
from tests.keys.support import rotate, sealed_email, settle, statement_of
from vault import actions as vault

__all__ = ["kms", "ministack"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    place = make_place()
    vault.put_object(actor=place.actor(), path="a/b", chunks=[b"content"])
    with tenant(place.id):
        tenants.invite_member(actor=place.actor(), email="new@example.com", role=Role.ANALYST)
    return place


@pytest.fixture
def admin(kms):
    """The customer, at work in their own account."""
    return kms.client()


def make_key(admin, tagged_for) -> str:
    tags = [{"TagKey": "hq:organization", "TagValue": str(tagged_for)}]
    arn: str = admin.create_key(Tags=tags)["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture
def arn(admin, place):
    return make_key(admin, place.id)


def in_use(place) -> Cmk:
    with tenant(place.id):
        return Cmk.objects.get(organization_id=place.id, retired_at=None)


def bring(place, arn) -> Rotation:
    actions.bring_key(actor=place.actor(), ref=arn)
    run_jobs()
    return settle(place.id)


def everything_reads(place) -> bool:
    rings.forget()
    opened = vault.open_object(actor=place.actor(), path="a/b")
    with tenant(place.id):
        invited = Invitation.objects.get().email
        told = all(event.detail["actor"] for event in AuditEvent.objects.all())
    return b"".join(opened.read()) == b"content" and invited == "new@example.com" and told


class TestBringing:
    def test_everything_stands_under_it_in_the_end(self, place, arn):
        rotation = bring(place, arn)
        cmk = in_use(place)
        assert (rotation.state, cmk.provider, cmk.ref, cmk.customer_owned) == ("DONE", "kms", arn, True)
        with tenant(place.id):
            assert set(DataKey.objects.values_list("cmk_id", flat=True)) == {cmk.id}
            invitation = Invitation.objects.values_list("id", flat=True).get()
        assert sealed_email(invitation, place.id).startswith(header(2))
        assert everything_reads(place)

    def test_the_statement_says_from_where_to_where(self, place, arn):
        rotation = bring(place, arn)
        statement = statement_of(rotation)
        public = bytes(SigningKey.objects.get(kid=statement.kid).public)
        key = statements.open_file(statement.file.encode(), public)["key"]
        assert (key["provider"], key["cmk"], key["customer_owned"]) == ("kms", arn, True)
        assert key["moved_from"]["provider"] == "embedded"

    def test_its_keepers_hear_where_everything_stands_now(self, place, arn, mailoutbox):
        bring(place, arn)
        [message] = [message for message in mailoutbox if "moved" in message.subject]
        assert "The key in AWS KMS protects everything; nothing is left on the former key." in message.body

    def test_the_former_key_wraps_nothing_and_may_be_destroyed(self, place, arn):
        former = in_use(place)
        bring(place, arn)
        wish = actions.request_destruction(actor=place.actor(), key_id=former.id, days=7, reason="Moved")
        assert (wish.erases, wish.listing) == (False, [])

    def test_nothing_changes_when_it_is_not_fit(self, place, admin):
        others = make_key(admin, make_place().id)
        before = in_use(place)
        with pytest.raises(actions.KeyNotFit) as caught:
            actions.bring_key(actor=place.actor(), ref=others)
        assert [finding.name for finding in caught.value.findings if not finding.ok] == ["organization"]
        assert in_use(place) == before
        with tenant(place.id):
            assert not Rotation.objects.exists()

    def test_it_cannot_be_brought_twice(self, place, arn):
        bring(place, arn)
        with pytest.raises(actions.AlreadyInUse):
            actions.bring_key(actor=place.actor(), ref=arn)

    @pytest.mark.parametrize("role", [Role.AUDITOR, Role.DEVELOPER])
    def test_others_may_not(self, place, arn, role):
        with pytest.raises(Denied):
            actions.bring_key(actor=place.actor(role), ref=arn)

    def test_it_is_rotated_by_its_owner_and_the_data_keys_by_us(self, place, arn):
        bring(place, arn)
        rotation = rotate(place)
        assert (rotation.state, rotation.to_version) == ("DONE", 2)
        assert everything_reads(place)


class TestGoingBack:
    def test_everything_stands_under_a_new_key_of_ours(self, place, arn):
        first = in_use(place)
        bring(place, arn)
        actions.return_key(actor=place.actor())
        run_jobs()
        assert settle(place.id).state == "DONE"
        cmk = in_use(place)
        assert (cmk.provider, cmk.customer_owned, cmk.ref == first.ref) == ("embedded", False, False)
        assert everything_reads(place)

    def test_their_key_is_not_needed_any_more(self, place, arn, admin):
        bring(place, arn)
        actions.return_key(actor=place.actor())
        run_jobs()
        settle(place.id)
        admin.disable_key(KeyId=arn)
        assert everything_reads(place)

    def test_and_there_again(self, place, arn):
        bring(place, arn)
        actions.return_key(actor=place.actor())
        run_jobs()
        settle(place.id)
        assert bring(place, arn).state == "DONE"
        assert everything_reads(place)

    def test_only_from_a_key_of_ones_own(self, place):
        with pytest.raises(actions.AlreadyInUse):
            actions.return_key(actor=place.actor())


class TestDisabledByItsOwner:
    def test_everything_fails_closed_and_comes_back_by_itself(self, place, arn, admin):
        bring(place, arn)
        admin.disable_key(KeyId=arn)
        rings.forget()
        with pytest.raises(KeyUnavailable, match="disabled"):
            selectors.content_key(place.id)
        admin.enable_key(KeyId=arn)
        assert everything_reads(place)

    def test_a_move_waits_for_it_and_goes_on(self, place, arn, admin):
        admin_off = admin.disable_key
        actions.bring_key(actor=place.actor(), ref=arn)
        admin_off(KeyId=arn)
        run_jobs()
        assert in_use(place).provider == "embedded"
        assert everything_reads(place)
        admin.enable_key(KeyId=arn)
        assert settle(place.id).state == "DONE"
        assert in_use(place).ref == arn


def test_an_organization_made_where_kms_is_the_rule_has_its_key_there(kms, settings):
    settings.KEY_PROVIDER = "kms"
    place = make_place()
    cmk = in_use(place)
    assert (cmk.provider, cmk.customer_owned) == ("kms", False)
    assert provider("kms").describe_key(cmk.ref).tags["hq:organization"] == str(place.id)
    assert selectors.content_key(place.id).version == 1
