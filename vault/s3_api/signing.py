"""Whether a request was signed by whom it names: AWS Signature Version 4, as botocore computes it.

Nothing is signed or hashed here by a method of our own: botocore's signer, which clients use too, says what the
signature of this request must be, and that is compared. It is given exactly the headers that the client says it signed.

A request is good for a quarter of an hour around its time, so whoever sees one pass can send the same one again within
it; to change anything of it they would need the secret. Between a client and HQ stands TLS.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, unquote

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from django.http import HttpRequest

from hq.crypto.secrets import equal
from hq.lib.clock import now
from vault.s3_api.errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
LONGEST_ADDRESS = 7 * 24 * 60 * 60  # seconds; the credentials themselves end sooner
_SCOPE = re.compile(r"([A-Za-z0-9]{1,128})/(\d{8})/([a-z0-9-]{1,40})/s3/aws4_request", re.ASCII)
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{{64}})", re.ASCII
)
_TIME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature. Nothing of it is proven. `expires` is that of a pre-signed address."""

    access_key: str
    region: str
    at: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str
    expires: int | None = None

    @property
    def signed_at(self) -> datetime:
        return datetime.strptime(self.at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def claim_of(request: HttpRequest) -> Claim:
    """What the request says, by its Authorization header or, of a pre-signed address, by its query. Raises S3Error."""
    query = parse_qs(request.META.get("QUERY_STRING", ""), keep_blank_values=True)
    header = request.headers.get("Authorization", "")
    if "X-Amz-Signature" not in query and "X-Amz-Algorithm" not in query:
        return _by_header(request, header)
    if header or any(len(query.get(name, [])) > 1 for name in query if name.startswith("X-Amz-")):
        raise S3Error("InvalidRequest", "A request is signed in one way, and once.")
    return _by_query({name: values[0] for name, values in query.items()})


def _by_header(request: HttpRequest, header: str) -> Claim:
    if not header:
        raise S3Error("AccessDenied")
    if "X-Amz-Content-SHA256" not in request.headers:  # or nothing that is signed would say anything of the body
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        raise S3Error("AuthorizationHeaderMalformed")
    at = request.headers.get("X-Amz-Date", "")
    token = request.headers.get("X-Amz-Security-Token", "")
    return _claim(found[1], at, headers=found[2], signature=found[3], token=token)


def _by_query(said: dict[str, str]) -> Claim:
    expires, signature = said.get("X-Amz-Expires", ""), said.get("X-Amz-Signature", "")
    if said.get("X-Amz-Algorithm") != ALGORITHM or not (expires.isascii() and expires.isdigit() and len(expires) <= 6):
        raise S3Error("AuthorizationHeaderMalformed")
    if not 1 <= int(expires) <= LONGEST_ADDRESS or not re.fullmatch(r"[0-9a-f]{64}", signature, re.ASCII):
        raise S3Error("AuthorizationHeaderMalformed")
    return _claim(
        said.get("X-Amz-Credential", ""),
        said.get("X-Amz-Date", ""),
        headers=said.get("X-Amz-SignedHeaders", ""),
        signature=signature,
        token=said.get("X-Amz-Security-Token", ""),
        expires=int(expires),
    )


def _claim(scope: str, at: str, *, headers: str, signature: str, token: str, expires: int | None = None) -> Claim:
    found = _SCOPE.fullmatch(scope)
    if found is None or not _TIME.fullmatch(at) or not at.startswith(found[2]):
        raise S3Error("AuthorizationHeaderMalformed")
    claim = Claim(found[1], found[3], at, tuple(headers.lower().split(";")), signature, token, expires)
    try:
        _ = claim.signed_at
    except ValueError:
        raise S3Error("AuthorizationHeaderMalformed") from None
    return claim


def require_in_time(claim: Claim) -> None:
    """Raises S3Error: the request is older, or newer, than what is taken."""
    age = now() - claim.signed_at
    if claim.expires is None:
        if abs(age) > SKEW:
            raise S3Error("RequestTimeTooSkewed")
    elif age < -SKEW or age > timedelta(seconds=claim.expires):
        raise S3Error("AccessDenied", "Request has expired")


def require_signature(request: HttpRequest, claim: Claim, secret: str) -> None:
    """Raises S3Error: it is not what this secret makes of this request, or leaves out what must be signed."""
    sent = {name.lower(): value for name, value in request.headers.items()}
    unsigned = {name for name in sent if name.startswith("x-amz-")} - set(claim.signed_headers)
    if "host" not in claim.signed_headers or unsigned or not set(claim.signed_headers) <= set(sent):
        raise S3Error("AccessDenied", "There were headers present in the request which were not signed")
    if not equal(_expected(request, claim, sent, secret), claim.signature):
        raise S3Error("SignatureDoesNotMatch")


def _expected(request: HttpRequest, claim: Claim, sent: dict[str, str], secret: str) -> str:
    signer = _signer(claim, secret)
    # As S3 spells it, each byte escaped once: what was decoded here is the same, however it was sent.
    path = quote(request.path_info, safe="/~")
    query = _without_signature(request.META.get("QUERY_STRING", ""))
    asked = AWSRequest(
        method=request.method or "",
        url=f"{request.scheme}://{sent['host']}{path}" + (f"?{query}" if query else ""),
        headers={name: sent[name] for name in claim.signed_headers},
    )
    asked.context["timestamp"] = claim.at
    text = signer.string_to_sign(asked, signer.canonical_request(asked))
    signature: str = signer.signature(text, asked)
    return signature


def _without_signature(query: str) -> str:
    return "&".join(pair for pair in query.split("&") if unquote(pair.partition("=")[0]) != "X-Amz-Signature")


class _AsClaimed:
    """Signs what the client says it signed. Left to themselves the signers leave out what proxies often change."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        named = HTTPHeaders()
        for name, value in request.headers.items():
            named[name.lower()] = value
        return named


class _ByHeader(_AsClaimed, S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    pass


class _ByQuery(_AsClaimed, S3SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    pass


def _signer(claim: Claim, secret: str) -> S3SigV4Auth | S3SigV4QueryAuth:
    kind = _ByHeader if claim.expires is None else _ByQuery
    return kind(Credentials(claim.access_key, secret), "s3", claim.region)
