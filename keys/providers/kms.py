"""CMKs in AWS KMS. A reference is the key's ARN. AWS keeps the versions and destroys by itself what is due."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self, TypeVar

from django.conf import settings

from keys.providers import base
from keys.providers.base import KEY_BYTES, KeyDescription, KeyState, PlainKey, ProviderError
from keys.providers.kms_faults import AliasTaken, KeyUnreachable
from keys.providers.kms_line import Answer, Line, Reader, log, shared

T = TypeVar("T")
ARN = re.compile(
    r"arn:aws(?:-[a-z]+)*:kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):key/(?P<id>mrk-[0-9a-f]{32}|[0-9a-f-]{36})"
)
OWNER_TAG = "hq:organization"
LONGEST_WRAPPING = 6144  # bytes that AWS KMS takes
_STATES = {
    "Enabled": KeyState.ENABLED,
    "Updating": KeyState.ENABLED,
    "Disabled": KeyState.DISABLED,
    "PendingDeletion": KeyState.PENDING_DELETION,
    "PendingReplicaDeletion": KeyState.PENDING_DELETION,
}


class KmsProvider:
    """AWS KMS in one region. The IAM actions it needs are in deploy/aws-kms-policy.json.

    A CMK that AWS has destroyed cannot be told from one that never was: NoSuchKey, never Gone.
    """

    name = "kms"

    def __init__(self, line: Line) -> None:
        self.line = line

    @classmethod
    def from_settings(cls) -> Self:
        return cls(shared(settings.KMS_REGION, settings.KMS_ENDPOINT or None))

    # ---- CMKs

    def create_key(self, tags: Mapping[str, str]) -> str:
        """A symmetric CMK with an alias for people, rotated yearly by AWS. Raises LimitReached besides."""
        listed = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
        ref = self.line.ask("CreateKey", "", _arn_made, KeySpec="SYMMETRIC_DEFAULT", Tags=listed)
        try:
            self.line.ask("EnableKeyRotation", ref, _nothing, KeyId=ref)
            if owner := tags.get(OWNER_TAG):
                self._name(ref, owner)
        except (ProviderError, base.WrongState):
            self._give_up(ref)
            raise
        return ref

    def describe_key(self, ref: str) -> KeyDescription:
        description = self.line.ask("DescribeKey", self._checked(ref), _description, KeyId=ref)
        return KeyDescription(
            ref=ref,
            state=_state(description["KeyState"]),
            tags=self._tags(ref),
            created_at=_moment(description["CreationDate"]),
            delete_at=_moment(description["DeletionDate"]) if "DeletionDate" in description else None,
        )

    def rotate_key(self, ref: str) -> None:
        """Raises LimitReached and BusyRotating besides. AWS may take minutes: see `is_rotating`."""
        if refusal := base.REFUSALS.get(self._state(ref)):
            raise refusal
        self._use("RotateKeyOnDemand", ref, _nothing, KeyId=ref)

    def is_rotating(self, ref: str) -> bool:
        """Whether a rotation on demand has begun and not ended: until then the former version still wraps."""
        return self._use("GetKeyRotationStatus", ref, lambda answer: "OnDemandRotationStartDate" in answer, KeyId=ref)

    def disable_key(self, ref: str) -> None:
        self._require(ref, KeyState.ENABLED, KeyState.DISABLED)
        self.line.ask("DisableKey", ref, _nothing, KeyId=ref)

    def enable_key(self, ref: str) -> None:
        self._require(ref, KeyState.ENABLED, KeyState.DISABLED)
        self.line.ask("EnableKey", ref, _nothing, KeyId=ref)

    def schedule_deletion(self, ref: str, *, days: int = base.LONGEST_WAIT_DAYS) -> datetime:
        if not base.SHORTEST_WAIT_DAYS <= days <= base.LONGEST_WAIT_DAYS:
            raise base.InvalidWait
        self._require(ref, KeyState.ENABLED, KeyState.DISABLED)
        return self.line.ask(
            "ScheduleKeyDeletion",
            ref,
            lambda answer: _moment(answer["DeletionDate"]),
            KeyId=ref,
            PendingWindowInDays=days,
        )

    def destroy_key(self, ref: str) -> datetime | None:
        """AWS KMS waits for seven days at least, and says nothing of a key that it has deleted."""
        try:
            known = self.describe_key(ref)
        except (base.Gone, base.NoSuchKey):
            return None
        if known.state == KeyState.PENDING_DELETION:
            return known.delete_at
        return self.schedule_deletion(ref, days=base.SHORTEST_WAIT_DAYS)

    def cancel_deletion(self, ref: str) -> None:
        self._require(ref, KeyState.PENDING_DELETION)
        self.line.ask("CancelKeyDeletion", ref, _nothing, KeyId=ref)

    def purge_due(self) -> list[str]:
        return []

    # ---- data keys

    def generate_data_key(self, ref: str, context: Mapping[str, str]) -> PlainKey:
        def read(answer: Answer) -> PlainKey:
            return PlainKey(_wrapping(answer, ref), _plain(answer, ref))

        return self._use("GenerateDataKey", ref, read, KeyId=ref, KeySpec="AES_256", EncryptionContext=dict(context))

    def wrap(self, ref: str, plain: bytes, context: Mapping[str, str]) -> bytes:
        def read(answer: Answer) -> bytes:
            return _wrapping(answer, ref)

        return self._use("Encrypt", ref, read, KeyId=ref, Plaintext=plain, EncryptionContext=dict(context))

    def decrypt(self, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        def read(answer: Answer) -> bytes:
            return _plain(answer, ref)

        blob = _sized(wrapped)
        return self._use("Decrypt", ref, read, KeyId=ref, CiphertextBlob=blob, EncryptionContext=dict(context))

    def reencrypt(self, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        def read(answer: Answer) -> bytes:
            if answer["SourceKeyId"] != ref:
                raise ValueError
            return _wrapping(answer, ref)

        return self._use(
            "ReEncrypt",
            ref,
            read,
            CiphertextBlob=_sized(wrapped),
            SourceKeyId=ref,
            SourceEncryptionContext=dict(context),
            DestinationKeyId=ref,
            DestinationEncryptionContext=dict(context),
        )

    # ---- inside

    def _checked(self, ref: str) -> str:
        """Raises NoSuchKey for what cannot be a CMK in this region, without asking AWS."""
        found = ARN.fullmatch(ref)
        if found is None:
            raise base.NoSuchKey
        if found["region"] != self.line.region:
            raise base.NoSuchKey(
                f"The CMK is in {found['region']}, and HQ is set to ask AWS KMS in {self.line.region}."
            )
        return ref

    def _use(self, operation: str, ref: str, read: Reader[T], **parameters: object) -> T:
        """Any use of a CMK. AWS says of several states only that the state is wrong; people need to know which."""
        try:
            return self.line.ask(operation, self._checked(ref), read, **parameters)
        except base.WrongState:
            raise base.REFUSALS.get(self._state(ref), KeyUnreachable) from None

    def _state(self, ref: str) -> KeyState:
        return _state(self.line.ask("DescribeKey", self._checked(ref), _description, KeyId=ref)["KeyState"])

    def _require(self, ref: str, *allowed: KeyState) -> None:
        """Changes are rare, so the state is asked first: a person then reads which it is. AWS judges again itself."""
        state = self._state(ref)
        if state not in allowed:
            raise base.WrongState(f"The CMK is {state}.")

    def _tags(self, ref: str) -> dict[str, str]:
        """None of a CMK in another account: AWS shows its tags to that account only."""
        try:
            return self.line.ask("ListResourceTags", ref, tags_in, KeyId=ref)
        except (base.NotAllowed, base.NoSuchKey):
            return {}

    def _name(self, ref: str, owner: str) -> None:
        """An alias that tells people whose it is. HQ finds no CMK by it, so one that is taken stays."""
        alias = f"alias/hq-{owner}"
        try:
            self.line.ask("CreateAlias", ref, _nothing, AliasName=alias, TargetKeyId=ref)
        except AliasTaken:
            self.line.ask("CreateAlias", ref, _nothing, AliasName=f"{alias}-{ref.rpartition('/')[2]}", TargetKeyId=ref)

    def _give_up(self, ref: str) -> None:
        """A CMK that could not be finished wraps nothing and shall not be paid for. It may stay if this fails too."""
        try:
            self.line.ask("ScheduleKeyDeletion", ref, _nothing, KeyId=ref, PendingWindowInDays=base.SHORTEST_WAIT_DAYS)
        except ProviderError:
            log.exception("A CMK that wraps nothing is left at AWS KMS", extra={"arn": ref})


def _nothing(answer: Answer) -> None:
    """What matters is that it was done."""


def _arn_made(answer: Answer) -> str:
    arn: str = answer["KeyMetadata"]["Arn"]
    if not ARN.fullmatch(arn):
        raise ValueError
    return arn


def _description(answer: Answer) -> Answer:
    found: Answer = answer["KeyMetadata"]
    if found["KeyState"] not in _STATES and found["KeyState"] not in {"Creating", "PendingImport", "Unavailable"}:
        raise ValueError
    return found


def _state(word: str) -> KeyState:
    """Raises KeyUnreachable in a state that passes, or that somebody has to end at AWS."""
    if word not in _STATES:
        raise KeyUnreachable
    return _STATES[word]


def tags_in(answer: Answer) -> dict[str, str]:
    """The tags of a key, by their keys."""
    return {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}


def _moment(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _wrapping(answer: Answer, ref: str) -> bytes:
    wrapped: bytes = answer["CiphertextBlob"]
    if answer["KeyId"] != ref or not wrapped:
        raise ValueError
    return wrapped


def _plain(answer: Answer, ref: str) -> bytes:
    plain: bytes = answer["Plaintext"]
    if answer["KeyId"] != ref or len(plain) != KEY_BYTES:
        raise ValueError
    return plain


def _sized(wrapped: bytes) -> bytes:
    if not 0 < len(wrapped) <= LONGEST_WRAPPING:
        raise base.InvalidWrapping
    return wrapped
