"""What S3 answers when it refuses or fails, as HQ's own errors.

AWS's words stay behind: they name accounts, principals and other people's buckets. The log gets the operation, the
bucket and AWS's code.
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

from hq.lib.errors import Problem, Refused, Unavailable
from vault.store.base import BucketMissing, MissingBytes, StorageFull


class StoreFault(Unavailable):
    """The object store could not do this. HQ has logged it; an operator can see why."""


class StoreUnavailable(StoreFault):
    """The object store does not answer at the moment. Try again soon."""


class StoreThrottled(StoreUnavailable):
    """The object store answers too many requests at the moment. Try again soon."""


class StoreCredentialsRefused(StoreUnavailable):
    """The object store does not accept the credentials that HQ was given, or HQ was given none. HQ has logged it."""


class GarbledAnswer(StoreUnavailable):
    """The object store answered something that HQ cannot use."""


class StoreRefused(StoreFault):
    """The object store does not let HQ do this. HQ has logged it; an operator has to allow it."""


class StoreKeyUnusable(StoreFault):
    """The key that the object store encrypts this bucket with cannot be used. Whoever owns the key has to enable it."""


class StoreMisplaced(StoreFault):
    """HQ keeps files in S3, and HQ_REGION names no region of AWS. An operator has to set it."""


class BytesChanged(StoreFault):
    """The bytes did not reach the object store as they were sent. Nothing of them was kept; send them again."""


class WrongRegion(Refused):
    """The bucket is in another region than this HQ keeps data in. HQ does not use it."""


class BucketTaken(Refused):
    """Somebody else has a bucket of this name. HQ does not use it; an operator has to look into it."""


class Expected(Exception):
    """An answer that is no fault, and that nobody but the store hears."""


class NotThatMany(Expected):
    """There are no such bytes in the object."""


class BucketOurs(Expected):
    """The bucket is made already."""


class BucketNotEmpty(Refused):
    """Something came into the bucket while it was removed. Remove it again."""


_CREDENTIALS = (
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "MissingSecurityHeader",
    "NotSignedUp",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
)
_THROTTLING = (
    "KMS.ThrottlingException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
)
_CHANGED = (
    "BadDigest",
    "IncompleteBody",
    "InvalidDigest",
    "InvalidPart",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
)
_ELSEWHERE = (
    "301",
    "307",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "TemporaryRedirect",
)
_BY_CODE: dict[str, type[Problem | Expected]] = {
    "403": StoreRefused,
    "404": MissingBytes,
    "412": MissingBytes,  # only asked for with what was opened before
    "416": NotThatMany,
    "AccessDenied": StoreRefused,
    "AccountProblem": StoreRefused,
    "AllAccessDisabled": StoreRefused,
    "BucketAlreadyExists": BucketTaken,
    "BucketAlreadyOwnedByYou": BucketOurs,
    "BucketNotEmpty": BucketNotEmpty,
    "InvalidRange": NotThatMany,
    "MethodNotAllowed": MissingBytes,  # a delete marker was asked for
    "NoSuchBucket": BucketMissing,
    "NoSuchKey": MissingBytes,
    "NoSuchUpload": MissingBytes,
    "NoSuchVersion": MissingBytes,
    "OperationAborted": StoreThrottled,
    "PreconditionFailed": MissingBytes,
    "QuotaExceeded": StorageFull,
    "RequestTimeout": StoreUnavailable,
    **dict.fromkeys(_CHANGED, BytesChanged),
    **dict.fromkeys(_CREDENTIALS, StoreCredentialsRefused),
    **dict.fromkeys(_ELSEWHERE, WrongRegion),
    **dict.fromkeys(_THROTTLING, StoreThrottled),
}
# What botocore raises over an answer that it cannot read. It has no family for these.
UNREADABLE = (ResponseParserError, ValueError, TypeError, AttributeError, LookupError)
RAISED = (ClientError, BotoCoreError, *UNREADABLE)


def translated(error: Exception, operation: str) -> tuple[Problem | Expected, str]:
    """HQ's error for one that botocore raised, and the code to log."""
    if isinstance(error, ClientError):
        return _refusal(error, operation)
    code = type(error).__name__
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return StoreCredentialsRefused(), code
    if isinstance(error, ParamValidationError):  # botocore refused what was asked for, and quotes it
        return StoreFault(), code
    return (GarbledAnswer() if isinstance(error, UNREADABLE) else StoreUnavailable()), code


def of_code(code: str, status: int = 0) -> Problem | Expected:
    """HQ's error for what S3 calls it."""
    kind = _BY_CODE.get(code)
    if kind is not None:
        return kind()
    if code.startswith("KMS."):
        return StoreKeyUnusable()
    if status == 429:
        return StoreThrottled()
    if status == 507:
        return StorageFull()
    return StoreUnavailable() if status >= 500 else StoreFault()


def _refusal(error: ClientError, operation: str) -> tuple[Problem | Expected, str]:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if operation == "head_bucket" and code == "404":
        return BucketMissing(), code
    return of_code(code, status), code


def is_outage(error: BaseException) -> bool:
    """Whether S3 as a whole seems not to work, rather than one bucket, one policy or one object."""
    if isinstance(error, Problem | Expected):
        return isinstance(error, StoreUnavailable)
    return True
