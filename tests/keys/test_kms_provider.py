"""AWS KMS as a keeper of CMKs: the contract over HTTP, the rights that HQ needs, and the settings."""

import base64
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hq.db.sealing import KeyUnavailable, Purpose
from hq.lib.ids import new_id
from keys import actions, rings
from keys.providers import InvalidWrapping, KeyState, NotAllowed, default_provider, provider
from keys.providers.kms import KmsProvider
from keys.providers.kms_faults import CredentialsRefused
from tests.aws import servers
from tests.aws.fixtures import kms, ministack, moto
from tests.aws.keepers import ARN, keeper_at, lines
from tests.keys.conftest import provisioner
from tests.keys.contract import CONTEXT, TAGS, AuthenticityContract, ProviderContract, RotationContract

__all__ = ["kms", "ministack", "moto"]

ROOT = Path(__file__).resolve().parents[2]


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


def leaks(plain, text):
    return any(form in text for form in (repr(plain), plain.hex(), base64.b64encode(plain).decode()))


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


@pytest.mark.django_db
class TestOrganization:
    """An organization whose keys are in AWS KMS."""

    @pytest.fixture
    def made(self, kms, settings, org):
        settings.KEY_PROVIDER = "kms"
        return actions.provision_keys(actor=provisioner(org))

    def test_its_keys_are_made_and_read_there(self, made, org, kms):
        assert made.provider == "kms"
        assert tags(kms.client(), made.ref) == [{"TagKey": "hq:organization", "TagValue": str(org)}]
        first = rings.cache.ring(org, Purpose.CONTENT).keys[1]
        rings.forget()
        assert rings.cache.ring(org, Purpose.CONTENT).keys[1] == first

    def test_with_its_key_disabled_at_aws_nothing_opens_until_it_is_back(self, made, org, kms):
        kms.client().disable_key(KeyId=made.ref)
        rings.forget()
        with pytest.raises(KeyUnavailable):
            rings.cache.ring(org, Purpose.CONTENT)
        kms.client().enable_key(KeyId=made.ref)
        rings.forget()
        assert len(rings.cache.ring(org, Purpose.CONTENT).keys[1]) == 32


FORKED = """
import os, threading
from keys.providers import kms_line
from keys.providers.kms import KmsProvider
keeper = KmsProvider(kms_line.shared({region!r}, {address!r}))
before = keeper.describe_key({ref!r}), keeper.line.client(), keeper.line.breaker.circuit
held = threading.Event()
def hold():
    with keeper.line.client._lock, keeper.line.breaker._trial:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    assert kms_line.shared({region!r}, {address!r}) is keeper.line
    assert keeper.describe_key({ref!r}) == before[0]
    assert keeper.line.client() is not before[1] and keeper.line.breaker.circuit is not before[2]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
