"""What AWS KMS answers when it refuses or fails, as HQ's own errors.

AWS's words stay behind: they name accounts and principals. The log gets the operation, the CMK's ARN and AWS's code.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from keys.providers import base
from keys.providers.base import ProviderError, ProviderUnavailable


class CredentialsRefused(ProviderUnavailable):
    """AWS does not accept the credentials that HQ was given, or HQ was given none."""


class Garbled(ProviderUnavailable):
    """AWS KMS answered something that HQ cannot use."""


class KeyUnreachable(ProviderUnavailable):
    """AWS KMS cannot reach this CMK at the moment. It may stand in a key store of its own, or wait for its material."""


class BusyRotating(ProviderUnavailable):
    """AWS KMS is about to rotate this CMK by its yearly plan. HQ tries again by itself."""


class LimitReached(ProviderError):
    """A limit of AWS KMS is reached: for keys of the account, or 25 rotations on demand of one CMK."""


class AliasTaken(base.WrongState):
    """Another CMK has this alias."""


class UnfitKey(ProviderError):
    """The CMK is of a kind that cannot do this."""


# What says something of one CMK, and nothing of AWS KMS: no reason to stop asking for other CMKs.
_OF_ONE_KEY = (KeyUnreachable, BusyRotating)

_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_THROTTLING = (
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
)
_UNREACHABLE = (
    "CloudHsmClusterInvalidConfigurationException",
    "CloudHsmClusterNotActiveException",
    "CustomKeyStoreInvalidStateException",
    "CustomKeyStoreNotFoundException",
    "KeyUnavailableException",
)
_BY_CODE: dict[str, type[ProviderError | base.WrongState]] = {
    "AccessDenied": base.NotAllowed,
    "AccessDeniedException": base.NotAllowed,
    "AlreadyExistsException": AliasTaken,
    "ConflictException": BusyRotating,
    "DependencyTimeoutException": ProviderUnavailable,
    "DisabledException": base.KeyDisabled,
    "IncorrectKeyException": base.InvalidWrapping,
    "InvalidArnException": base.NoSuchKey,
    "InvalidCiphertextException": base.InvalidWrapping,
    "InvalidKeyUsageException": UnfitKey,
    "KMSInternalException": ProviderUnavailable,
    "KMSInvalidStateException": base.WrongState,
    "LimitExceededException": LimitReached,
    "NotFoundException": base.NoSuchKey,
    "UnsupportedOperationException": UnfitKey,
    **dict.fromkeys(_CREDENTIALS, CredentialsRefused),
    **dict.fromkeys(_THROTTLING, base.Throttled),
    **dict.fromkeys(_UNREACHABLE, KeyUnreachable),
}
# What botocore raises over an answer that it cannot read. It has no family for these.
UNREADABLE = (ResponseParserError, ValueError, TypeError, AttributeError, LookupError)
RAISED = (ClientError, BotoCoreError, *UNREADABLE)


def action_of(operation: str) -> str:
    """What a policy has to allow, as IAM spells it."""
    return "kms:ReEncryptFrom and kms:ReEncryptTo" if operation == "ReEncrypt" else f"kms:{operation}"


def not_allowed(operation: str) -> base.NotAllowed:
    return base.NotAllowed(
        f"AWS KMS does not allow HQ {action_of(operation)} on this CMK."
        " Whoever owns it has to allow it in its policy or by a grant."
    )


def translated(error: Exception, operation: str) -> tuple[ProviderError | base.WrongState, str]:
    """HQ's error for one that botocore raised, and the code to log."""
    if isinstance(error, ClientError):
        return _refusal(error, operation)
    code = type(error).__name__
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return CredentialsRefused(), code
    if isinstance(error, ParamValidationError):  # botocore refused what was asked for, and quotes it
        return ProviderError(), code
    return (Garbled() if isinstance(error, UNREADABLE) else ProviderUnavailable()), code


def _refusal(error: ClientError, operation: str) -> tuple[ProviderError | base.WrongState, str]:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = _BY_CODE.get(code)
    if kind is base.NotAllowed:
        return not_allowed(operation), code
    if kind is not None:
        return kind(), code
    if status == 429:
        return base.Throttled(), code
    return (ProviderUnavailable() if status >= 500 else ProviderError()), code


def is_outage(error: BaseException) -> bool:
    """Whether AWS KMS as a whole seems not to work, rather than one CMK, one policy or one wrapping."""
    if isinstance(error, ProviderUnavailable):
        return not isinstance(error, _OF_ONE_KEY)
    return not isinstance(error, ProviderError | base.WrongState)
