"""A client of HQ's API in one file, with nothing but the standard library. Read it, copy it, change it.

    hq = Client("https://hq.example.org", "hd_live_…", environment="019aa9a5-…")
    hq.put_object("claims/method.md", b"…")
    for item in hq.items("objects", prefix="claims/"):
        print(item["path"])

Every refusal is a `Problem`, as RFC 9457 has it. Requests are repeated after a fault of the network or a 503, and after
a 429 when the server says; a POST carries an Idempotency-Key, so that repeating it acts once. Not repeated are open
files, which are read once, and conditional requests after a fault. Bodies are bytes or open files; answers are the JSON
that `/v1/docs` describes.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener
from uuid import uuid4

__all__ = ["Client", "NotReached", "Problem", "exchange_token", "redeem"]

Json = dict[str, Any]
Body = bytes | IO[bytes]
VERSION = "0.7.0"
TRIES = 4
LONGEST_WAIT = 60.0
SECONDS = 30.0
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"


class NotReached(Exception):
    """HQ did not answer, or its answer broke off."""


class Problem(Exception):
    """HQ refused. `type` is an address that explains it, `request_id` leads to it in the trail."""

    def __init__(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.type: str = document.get("type", "about:blank")
        self.title: str = document.get("title", "")
        self.detail: str = document.get("detail") or document.get("error_description", "")
        self.errors: list[Json] = document.get("errors", [])
        self.request_id = str(document.get("instance", "")).removeprefix("urn:hq:request:")
        self.headers = headers
        super().__init__(f"{status} {self.code}: {self.detail}")

    @property
    def code(self) -> str:
        """The last word of `type`, such as `not-found`."""
        return self.type.rstrip("/").rpartition("/")[2]

    @property
    def wait(self) -> float | None:
        """Seconds after which HQ says to try again, or None."""
        given = self.headers.get("Retry-After", "")
        return float(given) if given.isdigit() else None


class _NoRedirects(HTTPRedirectHandler):
    """The API never redirects; a proxy that does must not be handed the key."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _checked(address: str) -> str:
    """The address without a slash at its end. Raises ValueError for one that a secret cannot be sent to in the open."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("Keys and tokens go over https only.")
    return address.rstrip("/")


class Client:
    """`key` is an API key or a token, or a function that gives one: it is asked before each request."""

    def __init__(
        self, address: str, key: str | Callable[[], str], *, environment: str = "", seconds: float = SECONDS
    ) -> None:
        self.address = _checked(address)
        self.environment = environment
        self.seconds = seconds
        self._key = key if callable(key) else lambda: key
        self._opener: OpenerDirector = build_opener(_NoRedirects)

    # ---- any route

    def request(
        self,
        method: str,
        route: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        data: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTTPResponse:
        """Ask any route below /v1, such as `me`, or `{environment}/objects`. Raises Problem, NotReached."""
        url = f"{self.address}/v1/{route.format(environment=f'environments/{self.environment}')}"
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url += f"?{urlencode(given)}" if given else ""
        sent = {"User-Agent": f"hq-client/{VERSION}", "Authorization": f"Bearer {self._key()}", **(headers or {})}
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        if method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid4()))
        return self._send(method, url, data, sent)

    def json(self, method: str, route: str, **more: Any) -> Json:
        """As `request`, read to its end; an empty answer is an empty object."""
        raw = _read(self.request(method, route, **more))
        return cast("Json", json.loads(raw)) if raw else {}

    def items(self, route: str, **query: Any) -> Iterator[Json]:
        """Every item of one of the environment's lists, page after page; of any other if it begins with a slash."""
        route = route[1:] if route.startswith("/") else f"{{environment}}/{route}"
        cursor: str | None = None
        while True:
            page = self.json("GET", route, query=query | {"cursor": cursor})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    # ---- what is done most

    def me(self) -> Json:
        """Who the key stands for, where, and what it may do."""
        return self.json("GET", "me")

    def get_object(self, path: str, *, version: int | None = None) -> bytes:
        """All of an object. For a large one, read `open_object` in pieces."""
        return _read(self.open_object(path, version=version))

    def open_object(self, path: str, *, version: int | None = None) -> HTTPResponse:
        """An object as a stream, with its headers (`ETag`, `X-HQ-Version`)."""
        return self.request("GET", f"{{environment}}/objects/{_quoted(path)}", query={"version": version})

    def put_object(
        self, path: str, data: Body, *, if_match: str = "", if_none_match: str = "", content_type: str = ""
    ) -> Json:
        """Store a version. `if_none_match="*"`: only if nothing is there; `if_match`: only over that version."""
        headers = {"If-Match": if_match, "If-None-Match": if_none_match}
        sent = {name: value for name, value in headers.items() if value}
        sent["Content-Type"] = content_type or "application/octet-stream"
        return self.json("PUT", f"{{environment}}/objects/{_quoted(path)}", data=data, headers=sent)

    def delete_object(self, path: str) -> None:
        """Its versions stay, and it can be restored."""
        self.json("DELETE", f"{{environment}}/objects/{_quoted(path)}")

    def share(self, paths: list[str], *, permission: str = "read", ttl_seconds: int = 900, purpose: str = "") -> Json:
        """Make a link that opens once. Its `url` and `token` are told only now."""
        body = {"paths": paths, "permission": permission, "ttl_seconds": ttl_seconds, "purpose": purpose}
        return self.json("POST", "{environment}/shares", body=body)

    def rotate_key(self, key_id: str, *, grace_hours: int = 72) -> Json:
        """Make the key's successor, told only now. Both work until the grace is over."""
        return self.json("POST", f"{{environment}}/api-keys/{key_id}/rotate", body={"grace_hours": grace_hours})

    # ---- sending

    def _send(self, method: str, url: str, data: Body | None, headers: Mapping[str, str]) -> HTTPResponse:
        sendable_again = data is None or isinstance(data, bytes)
        safe = sendable_again and not {"If-Match", "If-None-Match"} & headers.keys()
        for attempt in range(1, TRIES + 1):
            try:
                request = Request(url, data=data, headers=dict(headers), method=method)  # noqa: S310 - https, checked when the client was made
                return cast("HTTPResponse", self._opener.open(request, timeout=self.seconds))
            except HTTPError as answer:
                problem = _problem(answer)
                again = (problem.status == 429 and sendable_again) or (problem.status == 503 and safe)
                if not again or attempt == TRIES or (problem.wait or 0) > LONGEST_WAIT:
                    raise problem from None
                wait = problem.wait
            except (URLError, HTTPException, OSError) as error:
                # With a condition, what was done unseen would be refused the second time: the caller looks first.
                if not safe or attempt == TRIES:
                    raise NotReached(f"{urlsplit(url).netloc} did not answer: {error}") from error
                wait = None
            time.sleep(wait if wait is not None else random.uniform(0.5, 1) * 2 ** (attempt - 2))  # noqa: S311 - spreads load, hides nothing
        raise AssertionError("unreachable")


def _quoted(path: str) -> str:
    return quote(path, safe="/").replace("{", "%7B").replace("}", "%7D")


def _read(answer: HTTPResponse | HTTPError) -> bytes:
    """All of an answer. Raises NotReached."""
    try:
        with answer:
            return answer.read()
    except (HTTPException, OSError) as error:
        raise NotReached(f"The answer broke off: {error}") from error


def _problem(answer: HTTPError) -> Problem:
    try:
        document = json.loads(_read(answer))
    except (ValueError, NotReached):
        document = {}
    return Problem(answer.code, document if isinstance(document, dict) else {}, dict(answer.headers))


# ---- without an organization's key


def _post(address: str, data: bytes, kind: str) -> Json:
    request = Request(address, data=data, headers={"Content-Type": kind}, method="POST")  # noqa: S310 - https, checked by those that call
    try:
        with build_opener(_NoRedirects).open(request, timeout=SECONDS) as answer:
            return cast("Json", json.loads(answer.read()))
    except HTTPError as answer:
        raise _problem(answer) from None
    except (URLError, HTTPException, OSError) as error:
        raise NotReached(f"{urlsplit(address).netloc} did not answer: {error}") from error


def exchange_token(address: str, trust: str, token: str, *, scope: str = "") -> Json:
    """Give a workload's own token, get one of HQ's (RFC 8693): `access_token`, for `expires_in` seconds."""
    form = {
        "grant_type": EXCHANGE,
        "subject_token_type": JWT,
        "subject_token": token,
        "audience": trust,
        **({"scope": scope} if scope else {}),
    }
    url = f"{_checked(address)}/v1/oauth/token"
    return _post(url, urlencode(form).encode(), "application/x-www-form-urlencoded")


def redeem(address: str, token: str) -> Json:
    """Open a share link: `session_token`, which reads its `paths` for 15 minutes. It works once."""
    return _post(f"{_checked(address)}/v1/shares/redeem", json.dumps({"token": token}).encode(), "application/json")
