"""A key that an organization brings is looked at before anything changes, and each finding says what to do."""

import json
import logging

import pytest

from hq.lib.ids import new_id
from keys.providers import KeyState, ProviderUnavailable, examine_key, provider
from keys.providers.kms_examine import examine
from tests.aws import servers
from tests.aws.faults import refusing, saying
from tests.aws.fixtures import Aws, faults, kms, ministack, moto
from tests.aws.keepers import ARN, keeper_at

__all__ = ["faults", "kms", "ministack", "moto"]

OTHER_ROLE = "arn:aws:iam::000000000000:role/hq"


@pytest.fixture
def org():
    return new_id()


@pytest.fixture
def admin(kms):
    """The customer, who owns the key."""
    return kms.client()


@pytest.fixture
def bring(admin, org):
    """Make a customer's key, tagged for the organization unless told otherwise, and give its ARN."""

    def made(owner=org, **how):
        tags = [{"TagKey": "hq:organization", "TagValue": str(owner)}] if owner else []
        arn: str = admin.create_key(Tags=tags, **how)["KeyMetadata"]["Arn"]
        return arn

    return made


def verdicts(found):
    return {finding.name: finding.ok for finding in found}


def wrong(found):
    """The one thing that is wrong: nothing goes on after it."""
    (only,) = [finding for finding in found if not finding.ok]
    assert "trial" not in verdicts(found) or only.name == "trial"
    return only.name, only.sentence


ALL_WELL = dict.fromkeys(("address", "region", "organization", "kind", "state", "trial"), True)


def test_a_key_that_is_tagged_for_the_organization_is_fit(bring, org):
    found = examine_key(bring(), org)
    assert list(verdicts(found).items()) == list(ALL_WELL.items())  # in this order
    assert "tag hq:organization names this organization" in found[2].sentence


@pytest.mark.parametrize("kind", ["EncryptionContextSubset", "EncryptionContextEquals"])
def test_a_key_with_a_grant_for_the_organization_is_fit(bring, admin, org, kind):
    arn = bring(owner=None)
    assert wrong(examine_key(arn, org))[0] == "organization"
    for number in range(120):  # the one that counts is on the second page
        grant(admin, arn, {"hq:organization": str(number)}, name=f"g{number}")
    assert wrong(examine_key(arn, org))[0] == "organization"
    grant(admin, arn, {"hq:organization": str(org)}, kind=kind)
    found = examine_key(arn, org)
    assert verdicts(found) == ALL_WELL
    assert "grant on the key names this organization" in found[2].sentence


def grant(admin, arn, context, kind="EncryptionContextSubset", name="hq"):
    admin.create_grant(
        KeyId=arn,
        GranteePrincipal=OTHER_ROLE,
        Operations=["Encrypt", "Decrypt", "GenerateDataKey"],
        Constraints={kind: context},
        Name=name,
    )


def test_the_key_of_another_organization_is_not(bring, admin, org):
    arn = bring(owner=new_id())
    name, sentence = wrong(examine_key(arn, org))
    assert name == "organization"
    assert f"hq:organization = {org}" in sentence
    grant(admin, arn, {"hq:purpose": str(org)})
    assert wrong(examine_key(arn, org))[0] == "organization"


@pytest.mark.parametrize("how", [{}, {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}], ids=["symmetric", "RSA"])
@pytest.mark.parametrize("state", ["Enabled", "Disabled", "PendingDeletion"])
def test_of_the_key_of_another_organization_neither_kind_nor_state_is_told(bring, admin, org, how, state):
    arn = bring(owner=new_id(), **how)
    if state == "Disabled":
        admin.disable_key(KeyId=arn)
    elif state == "PendingDeletion":
        admin.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    found = examine_key(arn, org)
    assert verdicts(found) == {"address": True, "region": True, "organization": False}
    assert found == examine_key(bring(owner=None), org)  # word for word as of any other


def test_the_key_that_hq_made_for_another_organization_is_not(kms, org):
    arn = provider("kms").create_key({"hq:organization": str(new_id())})
    assert wrong(examine_key(arn, org))[0] == "organization"


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("", "not the ARN of a KMS key"),
        ("my key", "not the ARN of a KMS key"),
        (ARN[-36:], "not the ARN of a KMS key"),
        (ARN + "\n", "not the ARN of a KMS key"),
        ("arn:aws:s3:::bucket", "not the ARN of a KMS key"),
        (ARN.replace(":key/", ":alias/"), "Paste the ARN of the key itself"),
    ],
)
def test_what_is_no_arn_of_a_key_is_not(kms, org, pasted, sentence):
    name, told = wrong(examine_key(pasted, org))
    assert name == "address"
    assert sentence in told


def test_a_key_in_another_region_is_not(kms, org):
    name, sentence = wrong(examine_key(ARN.replace(servers.REGION, "us-east-1"), org))
    assert name == "region"
    assert "us-east-1" in sentence
    assert servers.REGION in sentence


def test_a_key_that_is_not_there_is_not(kms, org):
    name, sentence = wrong(examine_key(ARN, org))
    assert name == "visible"
    assert "kms:DescribeKey" in sentence


@pytest.mark.parametrize(
    "how",
    [
        {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    ],
)
def test_another_kind_of_key_is_not(bring, org, how):
    name, sentence = wrong(examine_key(bring(**how), org))
    assert name == "kind"
    assert "Make a symmetric one" in sentence


def test_a_disabled_key_is_not(bring, admin, org):
    arn = bring()
    admin.disable_key(KeyId=arn)
    name, sentence = wrong(examine_key(arn, org))
    assert (name, sentence) == ("state", "The key is disabled. Enable it.")


def test_a_key_that_is_to_be_deleted_is_not(bring, admin, org):
    arn = bring()
    admin.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    name, sentence = wrong(examine_key(arn, org))
    assert name == "state"
    assert "scheduled for deletion. Cancel that" in sentence


def test_a_key_without_material_is_not(bring, org):
    name, sentence = wrong(examine_key(bring(Origin="EXTERNAL"), org))
    assert name == "state"
    assert "Import it" in sentence


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        ("kms:DescribeKey", "visible"),
        ("kms:ListResourceTags", "organization"),
        ("kms:GenerateDataKey", "trial"),
        ("kms:Encrypt", "trial"),
        ("kms:Decrypt", "trial"),
        ("kms:ReEncrypt*", "trial"),
    ],
)
def test_a_right_that_hq_lacks_is_named(bring, kms, monkeypatch, org, missing, name):  # noqa: PLR0917
    policy = json.loads(servers.POLICY.read_text())
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != missing]
    arn = bring()
    servers.use(monkeypatch, servers.user(kms.address, f"lacks-{new_id()}", json.dumps(policy)))
    found, sentence = wrong(examine(keeper_at(kms.address), arn, str(org)))
    assert found == name
    assert missing.removesuffix("*") in sentence


def test_looking_changes_nothing(bring, admin, org):
    arn = bring()
    before = everything(admin, arn)
    examine_key(arn, org)
    assert everything(admin, arn) == before
    assert provider("kms").describe_key(arn).state is KeyState.ENABLED


def everything(admin, arn):
    answers = (
        admin.describe_key(KeyId=arn)["KeyMetadata"],
        admin.list_resource_tags(KeyId=arn)["Tags"],
        admin.list_grants(KeyId=arn)["Grants"],
        admin.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"],
        admin.get_key_policy(KeyId=arn, PolicyName="default")["Policy"],
    )
    return json.dumps(answers, default=str)


def test_its_findings_hold_on_another_emulator_too(moto: Aws, monkeypatch, org):
    servers.use(monkeypatch, moto.credentials)
    tags = [{"TagKey": "hq:organization", "TagValue": str(org)}]
    arn = moto.client().create_key(Tags=tags, KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    assert verdicts(examine(keeper_at(moto.address), arn, str(org))) == ALL_WELL


KEY = {
    "KeyId": ARN[-36:],
    "Arn": ARN,
    "KeyState": "Enabled",
    "KeyManager": "CUSTOMER",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
}


class TestOnFaults:
    """What no emulator does: keys of AWS's own, and a KMS that opens what it should not or does not answer."""

    def examined(self, faults, org):
        return examine(keeper_at(faults.address), ARN, str(org))

    def test_a_key_that_aws_manages_is_not_fit(self, faults, org):
        tagged = saying({"Tags": [{"TagKey": "hq:organization", "TagValue": str(org)}]})
        faults.faults = [saying({"KeyMetadata": KEY | {"KeyManager": "AWS"}}), tagged]
        name, sentence = wrong(self.examined(faults, org))
        assert (name, sentence) == ("kind", "AWS manages this key. Make a customer-managed one.")

    def test_a_key_whose_context_does_not_bind_is_not_fit(self, faults, org):
        plain = wrapped = "A" * 43 + "="
        tagged = saying({"Tags": [{"TagKey": "hq:organization", "TagValue": str(org)}]})
        anything = saying({"KeyId": ARN, "SourceKeyId": ARN, "Plaintext": plain, "CiphertextBlob": wrapped})
        faults.faults = [saying({"KeyMetadata": KEY}), tagged, anything]
        name, sentence = wrong(self.examined(faults, org))
        assert name == "trial"
        assert "does not give back exactly" in sentence

    @pytest.mark.parametrize("answered", range(4))
    def test_without_an_answer_nothing_is_found(self, faults, org, answered, caplog):
        caplog.set_level(logging.ERROR)
        tagged = saying({"Tags": [{"TagKey": "hq:organization", "TagValue": str(org)}]})
        made = saying({"KeyId": ARN, "Plaintext": "A" * 43 + "=", "CiphertextBlob": "AAAA"})
        faults.faults = [*[saying({"KeyMetadata": KEY}), tagged, made][:answered], refusing("InternalFailure", 500)]
        with pytest.raises(ProviderUnavailable):
            self.examined(faults, org)
        assert len(faults.asked) == answered + 1
