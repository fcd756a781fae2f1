"""What can go wrong, in words a person can act on.

Beside the function that refuses stands a subclass whose docstring begins with the sentence to show. Each door (API,
portal, command line) maps these types once.
"""

import inspect
import re
from collections.abc import Iterable
from typing import ClassVar, TypedDict

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class FieldError(TypedDict):
    """One fault in the input. `pointer` is a JSON pointer (RFC 6901) to it, as RFC 9457 section 3 shows."""

    pointer: str
    detail: str


class Problem(Exception):
    """It could not be done.

    `str()` gives the message it was made with, else the first paragraph of the class's docstring on one line.
    `status` is the HTTP status, `code` the stable name (RFC 9457's `type`), `title` the sentence of the class, and
    `wait` after how many seconds it is worth another try, where that is known.
    """

    status: ClassVar[int] = 400
    wait: float | None = None

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message or self.title

    @property
    def code(self) -> str:
        return _WORD_START.sub("-", type(self).__name__).lower()

    @property
    def title(self) -> str:
        paragraph = (inspect.getdoc(type(self)) or "").partition("\n\n")[0]
        return " ".join(paragraph.split())


class Invalid(Problem):
    """Something in the request is not valid."""

    status = 400

    def __init__(self, message: str = "", *, errors: Iterable[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class Unauthenticated(Problem):
    """Sign in first, or send a valid key."""

    status = 401


class Denied(Problem):
    """You are not allowed to do this."""

    status = 403


class NotFound(Problem):
    """There is nothing here that you can see.

    The words are the same whether the thing is missing or belongs to somebody else.
    """

    status = 404  # never with a message that tells which


class Refused(Problem):
    """Things have changed, and it cannot be done in this state."""

    status = 409


class PreconditionFailed(Problem):
    """It has changed since you read it. Read it again, then repeat."""

    status = 412


class PayloadTooLarge(Problem):
    """What you sent is too large."""

    status = 413


class TooMany(Problem):
    """Too many requests in a short time. Wait as long as the answer says, then go on."""

    status = 429

    def __init__(self, message: str = "", *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class Unavailable(Problem):
    """Something that is needed is not available right now. Try again in a moment."""

    status = 503
