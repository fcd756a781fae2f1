"""Refusals as S3 says them: a code that programs know, and a sentence that tells nothing of what is there."""

from http import HTTPStatus
from typing import ClassVar
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse

from hq.authz.actor import Actor
from hq.lib.errors import Problem
from hq.lib.paths import InvalidPath
from hq.web import transfer
from hq.web.errors import ask_to_wait
from hq.web.request import request_id
from vault import actions

XML = "application/xml"
# Code: status and sentence (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
CODES = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization that you provided is not well formed."),
    "BadDigest": (400, "The checksum that you gave is not that of what came. Nothing of it was kept."),
    "EntityTooLarge": (400, "Your upload is larger than what is accepted. Nothing of it was kept."),
    "ExpiredToken": (400, "These credentials have ended, or the right that they stood on has. Ask for new ones."),
    "IncompleteBody": (400, "Fewer or other bytes came than were announced. Nothing of it was kept."),
    "InsufficientStorage": (507, "There is no room for this. Nothing of it was kept."),
    "InternalError": (500, "We could not do this. Try again."),
    "InvalidAccessKeyId": (403, "Nobody has this access key."),
    "InvalidArgument": (400, "Something in the request is not valid."),
    "InvalidPart": (400, "One of the parts is not there, or has another tag."),
    "InvalidPartOrder": (400, "Parts are named once each, in the order of their numbers."),
    "InvalidRange": (416, "The object is shorter than where the range begins."),
    "InvalidRequest": (400, "The request could not be read."),
    "InvalidToken": (400, "The session token is not that of these credentials."),
    "MalformedXML": (400, "The document is not what this act takes."),
    "MethodNotAllowed": (405, "This method does nothing here."),
    "MissingContentLength": (411, "Send Content-Length, or x-amz-decoded-content-length."),
    "NoSuchBucket": (404, "There is no such bucket that you can see."),
    "NoSuchKey": (404, "There is no such object that you can see."),
    "NoSuchUpload": (404, "There is no such upload that you can see."),
    "NotImplemented": (501, "HQ does not do this part of S3."),
    "OperationAborted": (409, "Something that was done meanwhile, or stands there already, is in the way."),
    "PreconditionFailed": (412, "One of the conditions that you gave does not hold."),
    "RequestTimeTooSkewed": (403, "The time of the request and that of HQ are too far apart."),
    "ServiceUnavailable": (503, "What is needed is not available right now. Try again in a moment."),
    "SignatureDoesNotMatch": (403, "The signature is not that of this request by these credentials."),
    "SlowDown": (503, "Too many requests in a short time."),
    "XAmzContentSHA256Mismatch": (400, "x-amz-content-sha256 is not that of what came. Nothing of it was kept."),
}
_BY_STATUS = {
    401: "ExpiredToken",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "OperationAborted",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    413: "EntityTooLarge",
    416: "InvalidRange",
    429: "SlowDown",
    503: "ServiceUnavailable",
    507: "InsufficientStorage",
}
_BY_TYPE: tuple[tuple[type[Problem], str], ...] = (
    (actions.WrongDigest, "XAmzContentSHA256Mismatch"),
    (actions.WrongLength, "IncompleteBody"),
    (transfer.BodyCut, "IncompleteBody"),
    (InvalidPath, "InvalidArgument"),
    (actions.NoSuchUpload, "NoSuchUpload"),
    (actions.NoSuchDoorPart, "InvalidPart"),
    (actions.PartsOutOfOrder, "InvalidPartOrder"),
)


class S3Error(Problem):
    """Something that S3 has a code for. `detail` is said in place of the code's own sentence."""

    status: ClassVar[int] = 400

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or CODES[code][1])
        self.s3_code = code


def code_of(problem: Problem) -> str:
    """How S3 calls it."""
    if isinstance(problem, S3Error):
        return problem.s3_code
    for kind, code in _BY_TYPE:
        if isinstance(problem, kind):
            return code
    theirs = problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return _BY_STATUS.get(problem.status, "InvalidRequest" if theirs else "InternalError")


def refusal(request: HttpRequest, problem: Problem, actor: Actor | None = None) -> HttpResponse:
    """The answer. HEAD has no body. Whoever has shown who they are is told what is wrong with what they sent."""
    code = code_of(problem)
    status, sentence = CODES[code]
    if isinstance(problem, S3Error) or (actor is not None and code in {"InvalidArgument", "OperationAborted"}):
        sentence = str(problem)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(sentence)}</Message>"
        f"<RequestId>{request_id(request)}</RequestId></Error>"
    )
    response = HttpResponse(b"" if request.method == "HEAD" else body, status=status, content_type=XML)
    if code == "SlowDown":
        ask_to_wait(response, problem.wait)
    return response
