"""keys.selectors and keys.rings.load: keys for those who seal, and none when the CMK is not to be used."""

import pytest

from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable, Purpose
from hq.lib.clock import now
from hq.lib.ids import new_id
from keys import actions, rings, selectors
from keys.models import Cmk, DataKey
from keys.providers import KeyState, Throttled, provider
from tests.keys.conftest import provisioner

pytestmark = pytest.mark.django_db


@pytest.fixture
def cmk(org, environment_id):
    actions.provision_environment_keys(actor=provisioner(org), environment_id=environment_id)
    return actions.provision_keys(actor=provisioner(org))


def add_version(cmk, purpose=Purpose.CONTENT, forget=True, **changes):
    """What rotation will do."""
    with tenant(cmk.organization_id):
        current = DataKey.objects.get(organization_id=cmk.organization_id, purpose=purpose, retired_at=None)
        newer = DataKey(organization_id=cmk.organization_id, purpose=purpose, version=2, cmk=cmk, cmk_version=1)
        made = provider(cmk.provider).generate_data_key(cmk.ref, newer.context)
        newer.wrapped = made.wrapped
        DataKey.objects.filter(pk=current.pk).update(retired_at=newer.created_at, **changes)
        newer.save()
    if forget:
        rings.forget(cmk.organization_id)
    return made.plain


def test_the_content_key_has_256_bits_and_is_not_printed(cmk, org):
    material = selectors.content_key(org)
    assert (material.version, len(material.key)) == (1, 32)
    assert repr(material) == str(material) == "<key version 1>"
    version, key = material
    assert (version, key) == (1, material.key)


def test_older_versions_are_there_and_unknown_ones_are_named(cmk, org):
    former = selectors.content_key(org)
    plain = add_version(cmk)
    assert selectors.content_key(org) == (2, plain)
    assert selectors.content_key(org, 1) == former
    with pytest.raises(KeyUnavailable, match="Version 3"):
        selectors.content_key(org, 3)


def test_a_version_made_by_another_process_is_found(cmk, org, environment_id):
    selectors.content_key(org)
    plain = add_version(cmk, forget=False)
    assert selectors.content_key(org, 2).key == plain


def test_a_key_of_another_organization_or_environment_is_never_given(cmk, org, environment_id):
    other = new_id()
    actions.provision_environment_keys(actor=provisioner(other), environment_id=(theirs := new_id()))
    selectors.capability_key(other, theirs)
    for wrong in ((org, theirs), (other, environment_id), (org, new_id())):
        with pytest.raises(KeyUnavailable):
            selectors.capability_key(*wrong)
    with pytest.raises(KeyUnavailable):
        selectors.content_key(new_id())


def test_a_wrapped_key_moved_to_another_place_does_not_open(cmk, org):
    with tenant(org):
        metadata = DataKey.objects.get(purpose=Purpose.METADATA)
        DataKey.objects.filter(purpose=Purpose.CONTENT).update(wrapped=metadata.wrapped)
    with pytest.raises(KeyUnavailable):
        selectors.content_key(org)


class TestBlindIndex:
    def test_equal_values_meet_and_others_do_not(self, cmk, org):
        index = selectors.blind_index(org, "people.email", "a@example.com")
        assert index == selectors.blind_index(org, "people.email", "a@example.com")
        assert len(index) == 32
        assert index != selectors.blind_index(org, "people.email", "b@example.com")

    def test_each_column_and_organization_has_its_own(self, cmk, org):
        actions.provision_keys(actor=provisioner(other := new_id()))
        places = [(org, "people.email"), (org, "invitations.email"), (other, "people.email")]
        assert len({selectors.blind_index(*place, "a@example.com") for place in places}) == 3

    def test_it_uses_a_key_of_its_own(self, cmk, org):
        with tenant(org):
            DataKey.objects.filter(purpose=Purpose.BLIND_INDEX).update(wrapped=b"x" * 100)
        with pytest.raises(KeyUnavailable):
            selectors.blind_index(org, "people.email", "a@example.com")
        assert selectors.content_key(org)


class TestRefusal:
    """The CMK is not usable: nothing opens, at the latest when what is remembered ends."""

    @pytest.mark.parametrize("change", ["disable_key", "schedule_deletion"])
    def test_at_the_provider(self, cmk, org, environment_id, change):
        getattr(provider(cmk.provider), change)(cmk.ref)
        rings.forget(org)
        for use in (
            lambda: selectors.content_key(org),
            lambda: selectors.capability_key(org, environment_id),
            lambda: selectors.blind_index(org, "x", "y"),
        ):
            with pytest.raises(KeyUnavailable):
                use()

    @pytest.mark.parametrize("state", [KeyState.DISABLED, KeyState.PENDING_DELETION, KeyState.DESTROYED])
    def test_in_our_own_row(self, cmk, org, state):
        with tenant(org):
            Cmk.objects.update(state=state, delete_at=now() if state is KeyState.PENDING_DELETION else None)
        rings.forget(org)
        with pytest.raises(KeyUnavailable):
            selectors.content_key(org)

    def test_enabled_again_it_recovers_by_itself(self, cmk, org):
        before = selectors.content_key(org)
        provider(cmk.provider).disable_key(cmk.ref)
        rings.forget(org)
        with pytest.raises(KeyUnavailable, match="disabled"):
            selectors.content_key(org)
        provider(cmk.provider).enable_key(cmk.ref)
        assert selectors.content_key(org) == before

    @pytest.mark.parametrize("name", ["gone", ""])
    def test_an_unknown_provider(self, cmk, org, name):
        with tenant(org):
            Cmk.objects.update(retired_at=now())
            DataKey.objects.update(cmk=Cmk.objects.create(organization_id=org, provider=name, ref=cmk.ref))
        rings.forget(org)
        with pytest.raises(KeyUnavailable, match="no key provider"):
            selectors.content_key(org)

    def test_a_retired_version_that_cannot_be_had_takes_nothing_else_along(self, cmk, org, caplog):
        plain = add_version(cmk, wrapped=b"damaged" * 20)
        assert selectors.content_key(org) == (2, plain)
        with pytest.raises(KeyUnavailable, match="Version 1"):
            selectors.content_key(org, 1)
        [record, *_] = caplog.records
        assert record.message == "data key cannot be unwrapped"
        assert (record.organization_id, record.why) == (str(org), "invalid-wrapping")
        assert plain.hex() not in str(record.__dict__)

    def test_a_provider_that_is_away_loses_no_retired_version(self, cmk, org, monkeypatch):
        """Or a rotation that meets it would call the rows under that version unreadable, and end."""
        add_version(cmk)
        keeper = type(provider(cmk.provider))
        real = keeper.decrypt

        def away_for_the_first(self, ref, wrapped, context):
            if context["hq:version"] == "1":
                raise Throttled
            return real(self, ref, wrapped, context)

        with monkeypatch.context() as patch:
            patch.setattr(keeper, "decrypt", away_for_the_first)
            with pytest.raises(KeyUnavailable):
                selectors.content_key(org)
        assert selectors.content_key(org, 1).version == 1
