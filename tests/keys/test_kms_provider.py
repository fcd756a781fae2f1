"""AWS KMS as a keeper of CMKs: the contract over HTTP, whose rights HQ needs, and every way it can fail."""

import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hq.lib.ids import new_id
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
    default_provider,
    provider,
)
from keys.providers.base import WrongState
from keys.providers.kms import KmsProvider
from keys.providers.kms_faults import (
    BusyRotating,
    CredentialsRefused,
    Garbled,
    KeyUnreachable,
    LimitReached,
    UnfitKey,
)
from keys.providers.kms_line import Line, Pace
from tests.aws import servers
from tests.aws.faults import breaking_off, hanging_up, refusing, saying, silent
from tests.aws.fixtures import faults, kms, ministack, moto
from tests.database import free_port
from tests.keys.contract import CONTEXT, TAGS, AuthenticityContract, ProviderContract, RotationContract

__all__ = ["faults", "kms", "ministack", "moto"]

ROOT = Path(__file__).resolve().parents[2]
ARN = f"arn:aws:kms:{servers.REGION}:111122223333:key/12345678-1234-1234-1234-123456789012"
ONCE = Pace(tries=1, faults_to_open=1000)
ANOTHER = ARN[:-1] + "0"
SECRET = "c2VjcmV0IGtleSBtYXRlcmlhbCBvZiAzMiBieXRlcyE="  # 32 bytes, as KMS would answer them


ANSWER = {"KeyId": ARN, "SourceKeyId": ARN, "Plaintext": SECRET, "CiphertextBlob": SECRET}


def keeper_at(address, pace=ONCE):
    return KmsProvider(Line(servers.REGION, address, pace=pace))


class TestOnMinistack(ProviderContract):
    """Over HTTP, as an IAM user with the documented policy."""

    @pytest.fixture
    def keeper(self, kms):
        return provider("kms")

    def test_aws_alone_keeps_time(self, keeper, ref):
        keeper.schedule_deletion(ref, days=7)
        assert keeper.purge_due() == []
        assert keeper.describe_key(ref).state is KeyState.PENDING_DELETION

    def test_a_new_key_has_a_name_for_people_and_is_rotated_yearly(self, keeper, kms):
        owner, admin = str(new_id()), kms.client()
        first, second = (keeper.create_key({"hq:organization": owner}) for _ in range(2))
        aliases = {
            alias["AliasName"]: alias["TargetKeyId"]
            for page in admin.get_paginator("list_aliases").paginate()
            for alias in page["Aliases"]
            if owner in alias["AliasName"]
        }
        ids = [ref.rpartition("/")[2] for ref in (first, second)]
        assert aliases == {f"alias/hq-{owner}": ids[0], f"alias/hq-{owner}-{ids[1]}": ids[1]}
        status = admin.get_key_rotation_status(KeyId=first)
        assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)

    def test_a_key_that_cannot_be_finished_is_given_up(self, ministack, monkeypatch):
        policy = json.loads(servers.POLICY.read_text())
        policy["Statement"][0]["Action"].remove("kms:CreateAlias")
        servers.use(monkeypatch, servers.user(ministack.address, "no-alias", json.dumps(policy)))
        owner = str(new_id())
        with pytest.raises(NotAllowed, match="kms:CreateAlias"):
            keeper_at(ministack.address).create_key({"hq:organization": owner})
        admin = ministack.client()
        refs = [key["KeyId"] for page in admin.get_paginator("list_keys").paginate() for key in page["Keys"]]
        made = [ref for ref in refs if {"TagKey": "hq:organization", "TagValue": owner} in tags(admin, ref)]
        assert [admin.describe_key(KeyId=ref)["KeyMetadata"]["KeyState"] for ref in made] == ["PendingDeletion"]

    def test_hq_may_do_nothing_besides(self, kms):
        outside = kms.client(credentials=kms.credentials)
        ref = provider("kms").create_key(TAGS)
        for ask in (
            outside.list_keys,
            lambda: outside.put_key_policy(KeyId=ref, Policy="{}"),
            lambda: outside.create_grant(KeyId=ref, GranteePrincipal="*", Operations=["Decrypt"]),
            lambda: kms.client("iam", kms.credentials).create_user(UserName="eve"),
        ):
            with pytest.raises(Exception, match="AccessDenied"):
                ask()

    @pytest.mark.parametrize(
        ("action", "use"),
        [
            ("kms:DescribeKey", lambda keeper, ref: keeper.describe_key(ref)),
            ("kms:GenerateDataKey", lambda keeper, ref: keeper.generate_data_key(ref, CONTEXT)),
            ("kms:Encrypt", lambda keeper, ref: keeper.wrap(ref, b"x" * 32, CONTEXT)),
            ("kms:Decrypt", lambda keeper, ref: keeper.decrypt(ref, ref[-36:].encode() + b"x" * 80, CONTEXT)),
            ("kms:ReEncryptFrom", lambda keeper, ref: keeper.reencrypt(ref, ref[-36:].encode() + b"x" * 80, CONTEXT)),
        ],
    )
    def test_a_missing_right_is_named(self, keeper, ministack, monkeypatch, action, use):
        ref = keeper.create_key(TAGS)
        bare = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}}
        servers.use(monkeypatch, servers.user(ministack.address, f"bare-{new_id()}", json.dumps(bare)))
        with pytest.raises(NotAllowed, match=action):
            use(keeper_at(ministack.address), ref)

    @pytest.mark.parametrize("wrong", [0, 1])
    def test_wrong_credentials_are_named(self, keeper, ref, ministack, monkeypatch, wrong):
        credentials = list(ministack.credentials)
        credentials[wrong] = "AKIAIOSFODNN7EXAMPLE"
        servers.use(monkeypatch, tuple(credentials))
        with pytest.raises(CredentialsRefused):
            keeper_at(ministack.address).describe_key(ref)

    def test_missing_credentials_are_named(self, ministack, monkeypatch, tmp_path):
        servers.use(monkeypatch, None)
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(CredentialsRefused):
            keeper_at(ministack.address).describe_key(ARN)

    def test_a_key_of_another_account_shows_its_state_and_no_tags(self, keeper, ref, ministack, monkeypatch):
        policy = json.loads(servers.POLICY.read_text())
        policy["Statement"][2]["Action"].remove("kms:ListResourceTags")
        servers.use(monkeypatch, servers.user(ministack.address, "no-tags", json.dumps(policy)))
        found = keeper_at(ministack.address).describe_key(ref)
        assert (found.state, dict(found.tags)) == (KeyState.ENABLED, {})

    def test_threads_share_it(self, keeper, ref, made):
        with ThreadPoolExecutor(8) as threads:
            opened = list(threads.map(lambda _: keeper.decrypt(ref, made.wrapped, CONTEXT), range(80)))
        assert set(opened) == {made.plain}

    def test_nothing_secret_is_logged_even_when_everything_is(self, keeper, ref, made, caplog):
        caplog.set_level(logging.DEBUG)
        keeper.wrap(ref, made.plain, CONTEXT)
        keeper.decrypt(ref, made.wrapped, CONTEXT)
        with pytest.raises(InvalidWrapping):
            keeper.decrypt(ref, made.wrapped, {})
        assert f"arn={ref}" in lines(caplog)
        assert "code=InvalidCiphertextException" in lines(caplog)
        assert not leaks(made.plain, lines(caplog) + caplog.text)


class TestOnMoto(AuthenticityContract, RotationContract):
    """What ministack lacks: wrappings that are authenticated, and rotation on demand."""

    refusal = (InvalidWrapping, NotAllowed)  # moto denies access where AWS says IncorrectKeyException

    @pytest.fixture
    def keeper(self, moto, monkeypatch):
        servers.use(monkeypatch, moto.credentials)
        return keeper_at(moto.address)

    def test_a_rotation_is_in_the_history_of_the_key(self, keeper, ref, moto):
        keeper.rotate_key(ref)
        keeper.rotate_key(ref)
        rotations = moto.client().list_key_rotations(KeyId=ref)["Rotations"]
        assert [rotation["RotationType"] for rotation in rotations] == ["ON_DEMAND", "ON_DEMAND"]
        assert not keeper.is_rotating(ref)


def tags(admin, ref):
    return admin.list_resource_tags(KeyId=ref)["Tags"]


def lines(caplog):
    from hq.web.logs import LineFormatter

    return "\n".join(LineFormatter().format(record) for record in caplog.records)


def leaks(plain, text):
    import base64

    return any(form in text for form in (repr(plain), plain.hex(), base64.b64encode(plain).decode()))


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
        return keeper_at(faults.address, Pace(tries=1, read_seconds=0.2, faults_to_open=1000))

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
            (silent, ProviderUnavailable),
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
        return keeper_at(faults.address, Pace(tries=1, faults_to_open=3, read_seconds=0.2))

    def fail(self, keeper, times):
        for _ in range(times):
            with pytest.raises(ProviderUnavailable):
                keeper.describe_key(ARN)

    def let_time_pass(self, keeper):
        keeper.line.breaker.circuit.reset_timeout = 0

    @pytest.mark.parametrize(
        "fault",
        [refusing("InternalFailure", 500), refusing("ThrottlingException"), hanging_up, silent, saying(b"<html>")],
    )
    def test_after_three_faults_nobody_is_asked_any_more(self, keeper, faults, fault, caplog):
        faults.faults = [fault]
        self.fail(keeper, 20)
        assert len(faults.asked) == 3
        assert "does not ask it for a while" in lines(caplog)

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


class TestSettings:
    def test_new_keys_are_made_where_the_settings_say(self, settings):
        assert default_provider() == "embedded"
        settings.KEY_PROVIDER = "kms"
        assert default_provider() == "kms"

    def test_a_process_has_one_line(self, kms):
        assert KmsProvider.from_settings().line is KmsProvider.from_settings().line
        with ThreadPoolExecutor(8) as threads:
            clients = list(threads.map(lambda _: KmsProvider.from_settings().line.client(), range(8)))
        assert len({id(client) for client in clients}) == 1

    def test_who_keeps_keys_embedded_does_not_load_the_client_of_aws(self):
        script = "import django, sys; django.setup(); import hq.urls; sys.exit('boto3' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=os.environ, check=False)
        assert done.returncode == 0

    def test_a_forked_child_has_a_line_of_its_own(self, kms):
        ref = provider("kms").create_key(TAGS)
        script = FORKED.format(region=servers.REGION, address=kms.address, ref=ref)
        environment = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PATH", "HQ_"))}
        environment["DJANGO_SETTINGS_MODULE"] = "hq.settings"
        command = [sys.executable, "-W", "ignore", "-c", script]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


FORKED = """
import os, threading
from keys.providers import kms_line
from keys.providers.kms import KmsProvider
keeper = KmsProvider(kms_line.shared({region!r}, {address!r}))
before = keeper.describe_key({ref!r}), keeper.line.client(), keeper.line.breaker
held = threading.Event()
def hold():
    with keeper.line._lock, kms_line._sharing:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    assert kms_line.shared({region!r}, {address!r}) is keeper.line
    assert keeper.describe_key({ref!r}) == before[0]
    assert keeper.line.client() is not before[1] and keeper.line.breaker is not before[2]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
