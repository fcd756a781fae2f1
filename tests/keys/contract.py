"""What every keeper of CMKs does. A test class of a provider inherits the parts and gives a fixture `keeper`.

They are parts because no emulator of AWS KMS can show all (see tests.aws.servers). AWS does all but move its clock.
"""

from datetime import timedelta

import pytest

from hq.lib.clock import now
from keys.providers import (
    Gone,
    InvalidWrapping,
    KeyDisabled,
    KeyPendingDeletion,
    KeyState,
    NoSuchKey,
    PlainKey,
    ProviderError,
)
from keys.providers.base import InvalidWait, WrongState

CONTEXT = {"hq:organization": "a", "hq:purpose": "content", "hq:version": "1"}
TAGS = {"hq:organization": "a"}


class Keeper:
    """What all parts use."""

    @pytest.fixture
    def ref(self, keeper):
        return keeper.create_key(TAGS)

    @pytest.fixture
    def made(self, keeper, ref) -> PlainKey:
        made: PlainKey = keeper.generate_data_key(ref, CONTEXT)
        return made

    def uses(self, keeper, ref, made):
        return [
            lambda: keeper.decrypt(ref, made.wrapped, CONTEXT),
            lambda: keeper.generate_data_key(ref, CONTEXT),
            lambda: keeper.reencrypt(ref, made.wrapped, CONTEXT),
            lambda: keeper.wrap(ref, made.plain, CONTEXT),
            lambda: keeper.rotate_key(ref),
        ]


class ProviderContract(Keeper):
    """Life of a CMK, its states, and encryption contexts."""

    def test_a_new_key_is_enabled_and_carries_its_tags(self, keeper, ref):
        found = keeper.describe_key(ref)
        assert (found.ref, found.state, dict(found.tags)) == (ref, KeyState.ENABLED, TAGS)
        assert abs(found.created_at - now()) < timedelta(minutes=1)
        assert found.delete_at is None

    def test_a_data_key_has_256_bits_and_comes_back(self, keeper, ref, made):
        assert len(made.plain) == 32
        assert keeper.decrypt(ref, made.wrapped, CONTEXT) == made.plain
        assert made.plain not in made.wrapped
        assert keeper.generate_data_key(ref, CONTEXT).plain != made.plain

    def test_a_data_key_is_not_printed(self, made):
        assert repr(made.plain) not in repr(made)
        assert made.plain.hex() not in repr(made)

    @pytest.mark.parametrize(
        "context",
        [{}, {**CONTEXT, "hq:version": "2"}, {**CONTEXT, "more": "x"}, {k: CONTEXT[k] for k in list(CONTEXT)[:2]}],
    )
    def test_another_context_does_not_unwrap(self, keeper, ref, made, context):
        with pytest.raises(InvalidWrapping):
            keeper.decrypt(ref, made.wrapped, context)
        with pytest.raises(InvalidWrapping):
            keeper.reencrypt(ref, made.wrapped, context)

    def test_the_order_of_the_context_does_not_matter(self, keeper, ref, made):
        assert keeper.decrypt(ref, made.wrapped, dict(reversed(CONTEXT.items()))) == made.plain

    def test_a_data_key_moves_to_another_cmk(self, keeper, ref, made):
        other = keeper.create_key(TAGS)
        moved = keeper.wrap(other, keeper.decrypt(ref, made.wrapped, CONTEXT), CONTEXT)
        assert keeper.decrypt(other, moved, CONTEXT) == made.plain

    def test_disabled_it_refuses_every_use_until_enabled(self, keeper, ref, made):
        keeper.disable_key(ref)
        assert keeper.describe_key(ref).state is KeyState.DISABLED
        for use in self.uses(keeper, ref, made):
            with pytest.raises(KeyDisabled):
                use()
        keeper.enable_key(ref)
        assert keeper.decrypt(ref, made.wrapped, CONTEXT) == made.plain

    def test_scheduled_for_deletion_it_refuses_every_use(self, keeper, ref, made):
        due = keeper.schedule_deletion(ref, days=7)
        assert abs(due - now() - timedelta(days=7)) < timedelta(minutes=1)
        assert keeper.describe_key(ref).delete_at == due
        for use in self.uses(keeper, ref, made):
            with pytest.raises(KeyPendingDeletion):
                use()
        with pytest.raises(WrongState):
            keeper.enable_key(ref)
        with pytest.raises(WrongState):
            keeper.schedule_deletion(ref)

    def test_deletion_can_be_cancelled_and_enabling_is_a_second_decision(self, keeper, ref, made):
        keeper.schedule_deletion(ref)
        keeper.cancel_deletion(ref)
        found = keeper.describe_key(ref)
        assert (found.state, found.delete_at) == (KeyState.DISABLED, None)
        keeper.enable_key(ref)
        assert keeper.decrypt(ref, made.wrapped, CONTEXT) == made.plain
        with pytest.raises(WrongState):
            keeper.cancel_deletion(ref)

    @pytest.mark.parametrize("days", [-1, 0, 6, 31])
    def test_deletion_waits_seven_to_thirty_days(self, keeper, ref, days):
        with pytest.raises(InvalidWait):
            keeper.schedule_deletion(ref, days=days)
        assert keeper.describe_key(ref).state is KeyState.ENABLED

    @pytest.mark.parametrize("ref", ["", "x", "../root", "00000000-0000-0000-0000-000000000000", "a\0b"])
    def test_an_unknown_key_is_named(self, keeper, ref):
        for use in (keeper.describe_key, keeper.rotate_key, keeper.disable_key):
            with pytest.raises(NoSuchKey):
                use(ref)


class AuthenticityContract(Keeper):
    """What was wrapped is opened by its own CMK only, and only whole. `refusal` is what a keeper says otherwise."""

    refusal: type[ProviderError] | tuple[type[ProviderError], ...] = InvalidWrapping

    def test_every_key_is_another(self, keeper, ref, made):
        other = keeper.create_key(TAGS)
        assert other != ref
        with pytest.raises(self.refusal):
            keeper.decrypt(other, made.wrapped, CONTEXT)
        moved = keeper.wrap(other, made.plain, CONTEXT)
        with pytest.raises(self.refusal):
            keeper.decrypt(ref, moved, CONTEXT)

    def test_a_changed_or_cut_wrapping_does_not_unwrap(self, keeper, ref, made):
        for at in range(len(made.wrapped)):
            changed = bytes(byte ^ (1 if i == at else 0) for i, byte in enumerate(made.wrapped))
            with pytest.raises(self.refusal):
                keeper.decrypt(ref, changed, CONTEXT)
            with pytest.raises(self.refusal):
                keeper.decrypt(ref, made.wrapped[:at], CONTEXT)


class RotationContract(Keeper):
    """A CMK gets new versions."""

    def test_rotated_it_wraps_with_the_new_version_and_unwraps_both(self, keeper, ref, made):
        keeper.rotate_key(ref)
        newer = keeper.generate_data_key(ref, CONTEXT)
        assert keeper.decrypt(ref, made.wrapped, CONTEXT) == made.plain
        assert keeper.decrypt(ref, newer.wrapped, CONTEXT) == newer.plain

    def test_rewrapped_it_is_the_same_data_key_under_the_new_version(self, keeper, ref, made):
        keeper.rotate_key(ref)
        again = keeper.reencrypt(ref, made.wrapped, CONTEXT)
        assert again != made.wrapped
        assert keeper.decrypt(ref, again, CONTEXT) == made.plain


class ClockContract(Keeper):
    """For keepers whose clock the tests can move, by a fixture `pass_days(n)`, and who destroy when told to look."""

    def test_it_is_destroyed_when_due_and_not_before(self, keeper, ref, made, pass_days):
        keeper.schedule_deletion(ref, days=7)
        other = keeper.create_key(TAGS)
        pass_days(6.99)
        assert ref not in keeper.purge_due()
        assert keeper.describe_key(ref).state is KeyState.PENDING_DELETION
        pass_days(0.02)
        keeper.purge_due()
        assert keeper.describe_key(ref).state is KeyState.DESTROYED
        for use in self.uses(keeper, ref, made):
            with pytest.raises(Gone):
                use()
        for change in (keeper.enable_key, keeper.disable_key, keeper.cancel_deletion, keeper.schedule_deletion):
            with pytest.raises(Gone):
                change(ref)
        assert keeper.describe_key(other).state is KeyState.ENABLED
        assert ref not in keeper.purge_due()
