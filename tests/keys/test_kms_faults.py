"""Every way in which AWS KMS can fail: each is a named error, and HQ stops asking for a while when nobody answers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from keys.providers import (
    InvalidWrapping,
    KeyDisabled,
    KeyPendingDeletion,
    KeyState,
    NoSuchKey,
    NotAllowed,
    ProviderError,
    ProviderUnavailable,
    Throttled,
)
from keys.providers.base import WrongState
from keys.providers.kms_faults import BusyRotating, CredentialsRefused, Garbled, KeyUnreachable, LimitReached, UnfitKey
from keys.providers.kms_line import Line, Pace
from tests.aws import servers
from tests.aws.faults import breaking_off, hanging_up, refusing, saying, silent
from tests.aws.fixtures import faults
from tests.aws.keepers import ANOTHER, ARN, keeper_at, lines
from tests.database import free_port
from tests.keys.contract import CONTEXT

__all__ = ["faults"]

SECRET = "c2VjcmV0IGtleSBtYXRlcmlhbCBvZiAzMiBieXRlcyE="  # 32 bytes, as KMS would answer them
ANSWER = {"KeyId": ARN, "SourceKeyId": ARN, "Plaintext": SECRET, "CiphertextBlob": SECRET}


def metadata(state="Enabled"):
    return saying({"KeyMetadata": {"KeyId": ARN[-36:], "Arn": ARN, "KeyState": state, "CreationDate": 1.7e9}})


USES = {
    "Decrypt": lambda keeper: keeper.decrypt(ARN, b"wrapped", CONTEXT),
    "GenerateDataKey": lambda keeper: keeper.generate_data_key(ARN, CONTEXT),
    "ReEncrypt": lambda keeper: keeper.reencrypt(ARN, b"wrapped", CONTEXT),
    "Encrypt": lambda keeper: keeper.wrap(ARN, b"x" * 32, CONTEXT),
}


@pytest.fixture(params=sorted(USES))
def use(request):
    return USES[request.param]


class TestFaults:
    """A server in AWS's place fails as told; each fault is one named error, with nothing of what AWS said in it."""

    @pytest.fixture
    def keeper(self, faults):
        return keeper_at(faults.address)

    @pytest.mark.parametrize(
        ("fault", "named"),
        [
            (refusing("AccessDeniedException"), NotAllowed),
            (refusing("DependencyTimeoutException", 500), ProviderUnavailable),
            (refusing("DisabledException"), KeyDisabled),
            (refusing("ExpiredTokenException"), CredentialsRefused),
            (refusing("IncorrectKeyException"), InvalidWrapping),
            (refusing("InternalFailure", 500), ProviderUnavailable),
            (refusing("InvalidCiphertextException"), InvalidWrapping),
            (refusing("InvalidKeyUsageException"), UnfitKey),
            (refusing("KMSInternalException", 500), ProviderUnavailable),
            (refusing("KeyUnavailableException", 500), KeyUnreachable),
            (refusing("LimitExceededException"), LimitReached),
            (refusing("NotFoundException"), NoSuchKey),
            (refusing("SomethingNew"), ProviderError),
            (refusing("SomethingNew", 429), Throttled),
            (refusing("ServiceUnavailable", 503), ProviderUnavailable),
            (refusing("ThrottlingException"), Throttled),
            (saying(b"<html>Bad gateway</html>", 502), ProviderUnavailable),
            (saying(b"<html>Welcome to the hotel's network</html>"), Garbled),
            (saying(b""), Garbled),
            (saying(b"[1, 2]"), Garbled),
            (saying(b"\xff\xfe\x00"), Garbled),
            (saying({}), Garbled),
            (saying({"KeyId": ARN, "Plaintext": "c2hvcnQ=", "CiphertextBlob": ""}), Garbled),
            (saying({"KeyId": ARN, "Plaintext": "!", "CiphertextBlob": "!", "SourceKeyId": ARN}), Garbled),
            (saying({"KeyId": ARN, "Plaintext": 5, "CiphertextBlob": 5, "SourceKeyId": ARN}), Garbled),
            (saying({"KeyId": ARN, "Plaintext": "AAAA", "CiphertextBlob": "", "SourceKeyId": ARN}), Garbled),
            (saying(ANSWER | {"KeyId": ANOTHER}), Garbled),
            (hanging_up, ProviderUnavailable),
            (breaking_off, Garbled),
        ],
    )
    def test_it_is_named(self, keeper, faults, use, caplog, fault, named):  # noqa: PLR0917
        faults.faults = [fault]
        with pytest.raises(ProviderError) as caught:
            use(keeper)
        assert type(caught.value) is named
        told = lines(caplog)
        assert f"arn={ARN}" in told
        assert "code=" in told
        for words in (str(caught.value), repr(caught.value), told):
            assert "ada" not in words
            assert "secret" not in words
            assert SECRET not in words

    def test_silence_is_named(self, faults, use):
        faults.faults = [silent]
        with pytest.raises(ProviderError) as caught:
            use(keeper_at(faults.address, Pace(tries=1, read_seconds=0.1)))
        assert type(caught.value) is ProviderUnavailable

    def test_a_wrapping_of_another_key_is_not_taken_for_rewrapped(self, keeper, faults):
        faults.faults = [saying(ANSWER | {"SourceKeyId": ANOTHER})]
        with pytest.raises(Garbled):
            keeper.reencrypt(ARN, b"wrapped", CONTEXT)

    @pytest.mark.parametrize(
        ("state", "named"),
        [
            ("PendingDeletion", KeyPendingDeletion),
            ("PendingReplicaDeletion", KeyPendingDeletion),
            ("Disabled", KeyDisabled),
            ("PendingImport", KeyUnreachable),
            ("Unavailable", KeyUnreachable),
            ("Creating", KeyUnreachable),
            ("Enabled", KeyUnreachable),
            ("Strange", Garbled),
        ],
    )
    def test_a_wrong_state_is_looked_up(self, keeper, faults, use, state, named):
        faults.faults = [refusing("KMSInvalidStateException"), metadata(state)]
        with pytest.raises(named) as caught:
            use(keeper)
        assert type(caught.value) is named
        assert faults.asked[1:] == ["DescribeKey"]

    @pytest.mark.parametrize(
        ("code", "named"),
        [
            ("ConflictException", BusyRotating),
            ("LimitExceededException", LimitReached),
            ("UnsupportedOperationException", UnfitKey),
        ],
    )
    def test_a_refused_rotation_is_named(self, keeper, faults, code, named):
        faults.faults = [metadata(), refusing(code)]
        with pytest.raises(named):
            keeper.rotate_key(ARN)
        assert faults.asked == ["DescribeKey", "RotateKeyOnDemand"]

    def test_a_rotation_that_is_not_over_is_seen(self, keeper, faults):
        faults.faults = [saying({"KeyRotationEnabled": True, "OnDemandRotationStartDate": 1.7e9})]
        assert keeper.is_rotating(ARN)

    @pytest.mark.parametrize("change", ["enable_key", "disable_key", "schedule_deletion", "cancel_deletion"])
    def test_a_state_that_changed_meanwhile_is_refused_by_aws(self, keeper, faults, change):
        before = "PendingDeletion" if change == "cancel_deletion" else "Enabled"
        faults.faults = [metadata(before), refusing("KMSInvalidStateException")]
        with pytest.raises(WrongState):
            getattr(keeper, change)(ARN)
        assert len(faults.asked) == 2

    @pytest.mark.parametrize(
        "ref",
        [
            "alias/hq-a",
            ARN.replace(":key/", ":alias/"),
            ARN.replace("kms", "s3"),
            ARN.replace(servers.REGION, "us-east-1"),
            ARN + "/x",
            ARN + "\n",
            ARN[:-1],
        ],
    )
    def test_aws_is_not_asked_about_what_is_no_key_here(self, keeper, faults, ref):
        for ask in (
            keeper.describe_key,
            keeper.enable_key,
            keeper.is_rotating,
            lambda ref: keeper.generate_data_key(ref, CONTEXT),
            lambda ref: keeper.decrypt(ref, b"wrapped", CONTEXT),
        ):
            with pytest.raises(NoSuchKey):
                ask(ref)
        assert faults.asked == []

    @pytest.mark.parametrize("wrapped", [b"", b"x" * 6145])
    def test_aws_is_not_asked_to_unwrap_what_it_never_wrapped(self, keeper, faults, wrapped):
        for unwrap in (keeper.decrypt, keeper.reencrypt):
            with pytest.raises(InvalidWrapping):
                unwrap(ARN, wrapped, CONTEXT)
        assert faults.asked == []

    def test_what_botocore_itself_refuses_is_not_quoted(self, keeper, faults, caplog):
        with pytest.raises(ProviderError) as caught:
            keeper.wrap(ARN, b"x" * 32, {"hq:version": 1})
        assert type(caught.value) is ProviderError
        assert "xxxx" not in str(caught.value) + lines(caplog)
        assert faults.asked == []

    def test_nobody_on_the_port_is_named(self, monkeypatch):
        servers.use(monkeypatch, servers.ADMIN)
        with pytest.raises(ProviderUnavailable):
            keeper_at(f"http://127.0.0.1:{free_port(servers.worker())}").describe_key(ARN)

    def test_a_passing_fault_is_tried_again(self, faults):
        keeper = keeper_at(faults.address, Pace(tries=3))
        faults.faults = [refusing("InternalFailure", 500), hanging_up, metadata()]
        assert keeper._state(ARN) is KeyState.ENABLED
        assert len(faults.asked) == 3

    def test_a_lasting_fault_is_tried_three_times_and_a_refusal_once(self, faults):
        keeper = keeper_at(faults.address, Pace())
        for fault, times in ((refusing("ThrottlingException"), 3), (refusing("AccessDeniedException"), 1)):
            faults.faults, faults.asked = [fault], []
            with pytest.raises(ProviderError):
                keeper.describe_key(ARN)
            assert len(faults.asked) == times

    def test_no_other_setting_than_its_own_leads_it_elsewhere(self, faults, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", faults.address)
        assert Line(servers.REGION).client().meta.endpoint_url == f"https://kms.{servers.REGION}.amazonaws.com"


class TestBreaker:
    @pytest.fixture
    def keeper(self, faults):
        return keeper_at(faults.address, Pace(tries=1, faults_to_open=3))

    def fail(self, keeper, times):
        for _ in range(times):
            with pytest.raises(ProviderUnavailable):
                keeper.describe_key(ARN)

    def let_time_pass(self, keeper):
        keeper.line.breaker.circuit.reset_timeout = 0

    @pytest.mark.parametrize(
        "fault",
        [refusing("InternalFailure", 500), refusing("ThrottlingException"), hanging_up, saying(b"<html>")],
    )
    def test_after_three_faults_nobody_is_asked_any_more(self, keeper, faults, fault, caplog):
        faults.faults = [fault]
        self.fail(keeper, 20)
        assert len(faults.asked) == 3
        assert "does not ask it for a while" in lines(caplog)

    def test_after_three_silences_nobody_waits_any_more(self, faults):
        keeper = keeper_at(faults.address, Pace(tries=1, faults_to_open=3, read_seconds=0.1))
        faults.faults = [silent]
        self.fail(keeper, 20)
        assert len(faults.asked) == 3

    def test_it_recovers(self, keeper, faults, caplog):
        faults.faults = [refusing("InternalFailure", 500)]
        self.fail(keeper, 5)
        faults.faults = [metadata()]
        self.fail(keeper, 1)
        self.let_time_pass(keeper)
        assert keeper._state(ARN) is KeyState.ENABLED
        assert "AWS KMS answers again" in lines(caplog)
        faults.faults = [refusing("InternalFailure", 500)]
        self.fail(keeper, 2)
        assert len(faults.asked) == 3 + 1 + 2

    def test_one_failed_trial_closes_the_door_again(self, keeper, faults):
        faults.faults = [refusing("InternalFailure", 500)]
        self.fail(keeper, 3)
        self.let_time_pass(keeper)
        self.fail(keeper, 1)
        keeper.line.breaker.circuit.reset_timeout = 60
        self.fail(keeper, 5)
        assert len(faults.asked) == 4

    def test_one_call_tries_and_the_others_do_not_wait_for_it(self, faults):
        keeper = keeper_at(faults.address, Pace(tries=1, faults_to_open=1))
        faults.faults = [refusing("InternalFailure", 500)]
        self.fail(keeper, 1)
        self.let_time_pass(keeper)
        arrived, go = threading.Event(), threading.Event()

        def slowly(asked):
            arrived.set()
            go.wait(10)
            metadata()(asked)

        faults.faults = [slowly]
        with ThreadPoolExecutor(1) as thread:
            trial = thread.submit(keeper._state, ARN)
            assert arrived.wait(10)
            self.fail(keeper, 4)
            go.set()
            assert trial.result() is KeyState.ENABLED
        assert len(faults.asked) == 2
        faults.faults = [metadata()]
        assert keeper._state(ARN) is KeyState.ENABLED

    def test_calls_run_side_by_side(self, faults):
        keeper, together = keeper_at(faults.address), threading.Barrier(4)

        def at_once(asked):
            together.wait(10)  # breaks, and nothing is answered, unless four have come
            metadata()(asked)

        faults.faults = [at_once]
        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(keeper._state, [ARN] * 4)) == {KeyState.ENABLED}

    @pytest.mark.parametrize(
        "code",
        [
            "AccessDeniedException",
            "DisabledException",
            "InvalidCiphertextException",
            "KeyUnavailableException",
            "NotFoundException",
            "SomethingNew",
        ],
    )
    def test_what_concerns_one_key_does_not_count(self, keeper, faults, use, code):
        faults.faults = [refusing(code)]
        for _ in range(5):
            with pytest.raises(ProviderError):
                use(keeper)
        assert len(faults.asked) == 5

    def test_an_answer_forgets_the_faults_before_it(self, keeper, faults):
        for _ in range(3):
            faults.faults = [refusing("InternalFailure", 500)]
            self.fail(keeper, 2)
            faults.faults = [refusing("DisabledException")]
            with pytest.raises(KeyDisabled):
                keeper.describe_key(ARN)
        assert len(faults.asked) == 9
