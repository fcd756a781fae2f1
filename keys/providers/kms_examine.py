"""Whether an organization may bring a KMS key as its own CMK. Every finding says what to do; nothing is changed.

Anybody can paste anybody's ARN, and HQ may well be allowed to use it, for another organization. So the key itself has
to say whose it is, by a tag or by a grant, which only its owner can give.
"""

from collections.abc import Mapping
from typing import Any

from keys.providers import base
from keys.providers.base import Finding
from keys.providers.kms import ARN, OWNER_TAG, KmsProvider, tags_in
from keys.providers.kms_faults import is_outage
from keys.providers.kms_line import Answer, Line

LONGEST_LIST = 20  # pages of 100 grants


def examine(keeper: KmsProvider, ref: str, organization_id: str) -> list[Finding]:
    """What was found, up to where going on makes no sense: the key is fit when all are ok.

    Raises ProviderUnavailable when AWS KMS does not answer: then nothing is known.
    """
    found = [_address(ref)]
    if found[-1].ok:
        found.append(_region(keeper.line, ref))
    if not found[-1].ok:
        return found
    try:
        key = keeper.line.ask("DescribeKey", ref, _key, KeyId=ref)
    except (base.NoSuchKey, base.NotAllowed):
        sentence = (
            "AWS KMS shows HQ no key at this ARN. Check the ARN, and allow HQ kms:DescribeKey in the key's policy."
        )
        return [*found, Finding("visible", ok=False, sentence=sentence)]
    found.append(_owner(keeper.line, ref, organization_id))
    if not found[-1].ok:
        return found  # what somebody else's key is and how it stands is theirs to know
    found += [_kind(key), _state(key)]
    return found + _trial(keeper, ref, organization_id) if all(finding.ok for finding in found) else found


def _key(answer: Answer) -> Answer:
    key: Answer = answer["KeyMetadata"]
    for name in ("KeyState", "KeyManager", "KeySpec", "KeyUsage"):
        _ = key[name]
    return key


def _address(ref: str) -> Finding:
    if ARN.fullmatch(ref):
        return Finding("address", ok=True, sentence="This is the ARN of a KMS key.")
    if ":alias/" in ref:
        sentence = "This is the ARN of an alias. Paste the ARN of the key itself: an alias can be moved to another key."
    else:
        sentence = "This is not the ARN of a KMS key. It looks like arn:aws:kms:REGION:ACCOUNT:key/ID."
    return Finding("address", ok=False, sentence=sentence)


def _region(line: Line, ref: str) -> Finding:
    region = ref.split(":")[3]
    if region == line.region:
        return Finding("region", ok=True, sentence=f"The key is in {region}.")
    sentence = (
        f"The key is in {region}. HQ uses keys in {line.region}: make one there, or a replica of a multi-Region key."
    )
    return Finding("region", ok=False, sentence=sentence)


def _kind(key: Answer) -> Finding:
    if key["KeyManager"] != "CUSTOMER":
        return Finding("kind", ok=False, sentence="AWS manages this key. Make a customer-managed one.")
    if (key["KeySpec"], key["KeyUsage"]) != ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        return Finding(
            "kind", ok=False, sentence="The key cannot wrap keys. Make a symmetric one, to encrypt and decrypt."
        )
    return Finding("kind", ok=True, sentence="The key is customer-managed, symmetric, and encrypts and decrypts.")


def _state(key: Answer) -> Finding:
    if key["KeyState"] == "Enabled":
        return Finding("state", ok=True, sentence="The key is enabled, and no deletion is pending.")
    sentences = {
        "Disabled": "The key is disabled. Enable it.",
        "PendingDeletion": "The key is scheduled for deletion. Cancel that, then enable it.",
        "PendingReplicaDeletion": "The key is scheduled for deletion. Cancel that, then enable it.",
        "PendingImport": "The key has no key material. Import it.",
    }
    otherwise = "The key cannot be used at the moment. Look at its state in AWS KMS."
    return Finding("state", ok=False, sentence=sentences.get(key["KeyState"], otherwise))


def _owner(line: Line, ref: str, organization_id: str) -> Finding:
    """A tag or a grant. HQ may lack the right to see one of them, and AWS shows tags to the key's own account only."""
    unseen = []
    try:
        if line.ask("ListResourceTags", ref, tags_in, KeyId=ref).get(OWNER_TAG) == organization_id:
            return Finding("organization", ok=True, sentence=f"The key's tag {OWNER_TAG} names this organization.")
    except (base.NotAllowed, base.NoSuchKey):
        unseen.append("kms:ListResourceTags")
    try:
        if _granted(line, ref, organization_id):
            return Finding("organization", ok=True, sentence="A grant on the key names this organization.")
    except base.NotAllowed:
        unseen.append("kms:ListGrants")
    sentence = (
        f"Nothing says that the key is meant for this organization. Tag it {OWNER_TAG} = {organization_id}, or make a"
        f" grant for HQ with {OWNER_TAG} = {organization_id} in its encryption context."
    )
    if unseen:
        sentence += f" HQ could not look at everything: allow it {' and '.join(unseen)}."
    return Finding("organization", ok=False, sentence=sentence)


def _granted(line: Line, ref: str, organization_id: str) -> bool:
    page: dict[str, Any] = {"KeyId": ref, "Limit": 100}
    for _ in range(LONGEST_LIST):
        contexts, after = line.ask("ListGrants", ref, _contexts, **page)
        if any(context.get(OWNER_TAG) == organization_id for context in contexts):
            return True
        if after is None:
            return False
        page["Marker"] = after
    return False


def _contexts(answer: Answer) -> tuple[list[Mapping[str, str]], str | None]:
    """What each grant wants to see in the encryption context, and where the next page begins."""
    constraints = [grant.get("Constraints") or {} for grant in answer["Grants"]]
    found = [each.get(f"EncryptionContext{kind}") or {} for each in constraints for kind in ("Subset", "Equals")]
    return found, answer["NextMarker"] if answer.get("Truncated") else None


def _trial(keeper: KmsProvider, ref: str, organization_id: str) -> list[Finding]:
    """Wrap and unwrap a key that is then forgotten, in a context like those of HQ's own data keys."""
    context = {OWNER_TAG: organization_id, "hq:purpose": "examination", "hq:version": "1"}
    try:
        made = keeper.generate_data_key(ref, context)
        wrapped = keeper.reencrypt(ref, keeper.wrap(ref, made.plain, context), context)
        same = {keeper.decrypt(ref, each, context) for each in (made.wrapped, wrapped)} == {made.plain}
        bound = all(_refused(keeper, ref, each, context | {"hq:version": "2"}) for each in (made.wrapped, wrapped))
    except base.ProviderError as refusal:
        if is_outage(refusal):
            raise
        return [Finding("trial", ok=False, sentence=str(refusal))]
    if not (same and bound):
        return [Finding("trial", ok=False, sentence="The key does not give back exactly what HQ wrapped with it.")]
    return [
        Finding("trial", ok=True, sentence="HQ wrapped and unwrapped a key with it, and no other context opens it.")
    ]


def _refused(keeper: KmsProvider, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bool:
    try:
        keeper.decrypt(ref, wrapped, context)
    except (base.InvalidWrapping, base.NotAllowed):
        return True
    return False
