"""Statements: files in which HQ says what it did, signed, to be checked by anyone with no HQ and no network.

    file      = canonical {"jws": "<compact JWS>", "statement": {...}}          (RFC 8785, no byte before or after it)
    jws       = sign_jws(seed, canonical(statement), typ "hq-statement+jws")
    statement = {"v": 1, "type", "id", "issued_at", "issuer", ..., "signed_by": <JWK>, "check": [<lines of shell>]}

A file has exactly one spelling, so a file with any byte changed is another file, and refused. `bin/verify` is the other
reader, written again with the standard library alone; docs/statements.md tells people what both do.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from hq.crypto.signatures import (
    BadSignature,
    decode,
    jwk_of,
    kid_of,
    public_of,
    public_of_jwk,
    public_pem,
    sign_jws,
    verify_jws,
)
from hq.lib.canonical import canonical

VERSION: Final = 1
TYP: Final = "hq-statement+jws"
MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32

AGREEMENT: Final = "hq/agreement"
DELETION: Final = "hq/deletion-certificate"
ERASURE: Final = "hq/erasure-certificate"
EXPORT: Final = "hq/data-export"
RECEIPT: Final = "hq/share-receipt"
ROTATION: Final = "hq/key-rotation"
TRAIL_DIGEST: Final = "hq/trail-digest"
TRAIL_EXPORT: Final = "hq/trail-export"
TYPES: Final = frozenset({AGREEMENT, DELETION, ERASURE, EXPORT, RECEIPT, ROTATION, TRAIL_DIGEST, TRAIL_EXPORT})

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")  # It becomes a file's name and a word of shell.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_OURS = frozenset({"signed_by", "check"})


class TooLarge(ValueError):
    """A statement whose file would have more than 1 MiB cannot be made."""


def build(statement: Mapping[str, Any], seed: bytes) -> bytes:
    """Sign a statement and give the bytes of its file. `signed_by` and `check` are added here.

    Raises:
        ValueError: a common field is missing or written otherwise, a number is no integer below 2^53 (write a larger
            one as a string), or the document is nested more than 32 deep.
        TooLarge: the file would have more than 1 MiB.
    """
    _check_common(statement)
    public = public_of(seed)
    whole = dict(statement) | {"signed_by": jwk_of(public)}
    whole["check"] = _steps(whole, public)
    _check_plain({"statement": whole})
    raw = canonical({"jws": sign_jws(seed, canonical(whole), typ=TYP), "statement": whole})
    if len(raw) > MAX_BYTES:
        raise TooLarge
    return raw


def open_file(raw: bytes, keys: bytes | Mapping[str, Any]) -> dict[str, Any]:
    """Read a statement that one of our keys signed: a public key (32 bytes), or a JWKS with those that may have.

    Raises:
        BadSignature: a byte is not as it was written, or another key signed it; which thing is wrong is not told.
    """
    if len(raw) > MAX_BYTES:
        raise BadSignature
    try:
        document = orjson.loads(raw)
        jws, statement = document["jws"], document["statement"]
        _check_plain(document)
        if len(document) != 2 or canonical(document) != raw:
            raise BadSignature
        public = _signer(statement["signed_by"], keys)
        if verify_jws(jws, public, typ=TYP) != canonical(statement):
            raise BadSignature
        _check_common({name: value for name, value in statement.items() if name not in _OURS})
    except (AttributeError, KeyError, TypeError, ValueError):  # What a stranger wrote may have any shape.
        raise BadSignature from None
    return dict(statement)


def file_name(statement: Mapping[str, Any]) -> str:
    """Name the file of a statement, as the steps printed in it expect."""
    return f"{statement['type'].removeprefix('hq/')}-{statement['id']}.json"


def timestamp(at: datetime) -> str:
    """Write a time as statements do: RFC 3339 in UTC, `2026-11-22T05:09:00Z`, with microseconds where there are any.

    Raises:
        ValueError: the time has no zone.
    """
    if at.tzinfo is None:
        raise ValueError("A time in a statement has a zone.")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _steps(statement: Mapping[str, Any], public: bytes) -> list[str]:
    """How to check the file with a POSIX shell and OpenSSL 3.

    No line has a quotation mark or a backslash: JSON would write them otherwise, and the lines can be copied out of the
    file as they stand. `q` holds the quotation mark that the file itself is made with. Long texts go through files: a
    shell that cuts a variable of 700 kB takes minutes. In the end the file is put together again from what was signed.
    """
    return [
        "# In a shell, with OpenSSL 3, in the folder of this file. It is checked under this name:",
        f"file={file_name(statement)}",
        "export LC_ALL=C",
        "q=$(echo Ig== | openssl base64 -d)",
        "sed 's/^{.jws.:.//; s/.,.statement.:.*//' $file > jws.txt",
        "cut -d. -f1,2 jws.txt | tr -cd A-Za-z0-9._- > signed.txt",
        "cut -d. -f2 jws.txt | tr -cd A-Za-z0-9_- > payload.txt",
        "case $(($(wc -c < payload.txt) % 4)) in 2) printf '==' >> payload.txt;; 3) printf '=' >> payload.txt;; esac",
        "tr _- /+ < payload.txt | openssl base64 -d -A > payload.json",
        "(cut -d. -f3 jws.txt | tr -cd A-Za-z0-9_-; printf '==') | tr _- /+ | openssl base64 -d -A > signature.bin",
        "cat > key.pem <<END",
        *public_pem(public).splitlines(),
        "END",
        "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed.txt -sigfile signature.bin &&",
        "(printf '{%sjws%s:%s' $q $q $q; cat signed.txt; printf .;",
        "openssl base64 -A -in signature.bin | tr /+ _- | tr -d =; printf '%s,%sstatement%s:' $q $q $q;",
        "cat payload.json; printf '}') | cmp - $file &&",
        "echo The statement in payload.json was signed with the key above and has not been changed.",
        f"# Whose key it is, the file cannot prove. Its thumbprint, to be compared: {kid_of(public)}",
    ]


def _signer(jwk: Mapping[str, Any], keys: bytes | Mapping[str, Any]) -> bytes:
    """The key that a statement names as its own, when it is one of the expected."""
    public = public_of_jwk(jwk)
    expected = {keys} if isinstance(keys, bytes) else {decode(key["x"]) for key in keys["keys"]}
    if public not in expected:
        raise BadSignature
    return public


def _check_common(statement: Mapping[str, Any]) -> None:
    """Raise ValueError unless the fields that every statement has are there and well written."""
    if statement.keys() & _OURS:
        raise ValueError("The key and the steps are added when a statement is signed.")
    version = statement.get("v")
    if type(version) is not int or version != VERSION or _text(statement, "type") not in TYPES:
        raise ValueError("There is no statement of this type and version.")
    if not _ID.fullmatch(_text(statement, "id")):
        raise ValueError("The id of a statement has at most 64 letters, digits and hyphens.")
    if not _TIME.fullmatch(_text(statement, "issued_at")):
        raise ValueError("The time of a statement is RFC 3339 in UTC, ending in Z.")
    if not _text(statement, "issuer").startswith(("https://", "http://")):
        raise ValueError("The issuer of a statement is an address.")


def _text(statement: Mapping[str, Any], name: str) -> str:
    value = statement.get(name)
    if not isinstance(value, str):
        raise ValueError(f"A statement has a text in its field {name}.")  # noqa: TRY004 - one kind of error for callers
    return value


def _check_plain(value: object, depth: int = 0) -> None:
    """Raise ValueError for what the readers refuse though RFC 8785 knows it: fractions, and deep nesting."""
    if isinstance(value, float):
        raise ValueError("A statement has no fractions.")  # noqa: TRY004 - one kind of error for callers
    if not isinstance(value, (dict, list, tuple)):
        return
    if depth == MAX_DEPTH:
        raise ValueError(f"A statement's file is nested at most {MAX_DEPTH} deep.")
    for child in value.values() if isinstance(value, dict) else value:
        _check_plain(child, depth + 1)
