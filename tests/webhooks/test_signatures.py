"""What HQ signs, the official libraries verify: with each secret that counts, and nothing else."""

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hq.crypto import signatures
from hq.crypto.webhooks import NotASecret, Secret, public_of, sign, signed_content
from tests.webhooks import verifiers
from tests.webhooks.verifiers import Received

Library = Callable[..., list[Any]]
LIBRARIES = pytest.mark.parametrize("library", [verifiers.python, verifiers.javascript])
BODY = '{"data":{"label":"Zoë ☂"},"timestamp":"2026-11-22T12:00:00Z","type":"key:rotated"}'
DOCUMENT = {"data": {"label": "Zoë ☂"}, "timestamp": "2026-11-22T12:00:00Z", "type": "key:rotated"}
SECRET, FORMER, STRANGER = Secret.make(), Secret.make(), Secret.make()
ZEROS = "A" * 43
NO_MATCH = "No matching signature found"


def received(*secrets: Secret, at: int | None = None, message_id: str = "0199a1b2-01") -> Received:
    timestamp = int(time.time()) if at is None else at
    signature = sign(secrets, message_id, timestamp, BODY.encode())
    return Received(
        BODY, {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
    )


@LIBRARIES
def test_the_official_libraries_verify_it(library: Library) -> None:
    assert library(SECRET.text, received(SECRET)) == [DOCUMENT]


@LIBRARIES
def test_during_a_rotation_both_secrets_verify_and_another_does_not(library: Library) -> None:
    message = received(SECRET, FORMER)
    assert library(SECRET.text, message) == [DOCUMENT]
    assert library(FORMER.text, message) == [DOCUMENT]
    assert library(STRANGER.text, message) == [NO_MATCH]


@LIBRARIES
def test_nothing_of_it_can_be_changed(library: Library) -> None:
    good = received(SECRET)
    changed = [
        Received(good.body.replace("rotated", "destroyed"), good.headers),
        good.with_header("webhook-id", "0199a1b2-02"),
        good.with_header("webhook-timestamp", str(int(good.headers["webhook-timestamp"]) + 1)),
        good.with_header("webhook-signature", good.headers["webhook-signature"].split(" ")[1]),
    ]
    assert library(SECRET.text, good, *changed) == [DOCUMENT, *[NO_MATCH] * 4]


@LIBRARIES
def test_one_of_another_time_is_refused(library: Library) -> None:
    now = int(time.time())
    assert library(SECRET.text, received(SECRET, at=now - 310), received(SECRET, at=now + 310)) == [
        "Message timestamp too old",
        "Message timestamp too new",
    ]


def test_the_key_pair_verifies_it_and_only_it() -> None:
    message = received(SECRET, FORMER)
    assert verifiers.signed_by(SECRET.public, message)
    assert verifiers.signed_by(FORMER.public, message)
    assert not verifiers.signed_by(STRANGER.public, message)
    assert not verifiers.signed_by(SECRET.public, Received(message.body + " ", message.headers))
    assert not verifiers.signed_by(SECRET.public, message.with_header("webhook-timestamp", "0"))


def test_openssl_verifies_it(tmp_path: Path) -> None:
    message = received(SECRET)
    pem = signatures.public_pem(public_of(SECRET.public))
    [signature] = verifiers.asymmetric(message)
    content = verifiers.signed_content(message)
    assert verifiers.openssl(pem, signature, content, tmp_path)
    assert not verifiers.openssl(pem, signature, content + b" ", tmp_path)


def test_each_secret_signs_twice_newest_first() -> None:
    versions = [each.split(",")[0] for each in received(SECRET, FORMER).headers["webhook-signature"].split(" ")]
    assert versions == ["v1", "v1a", "v1", "v1a"]
    first, second = sign([SECRET, FORMER], "a", 1, b""), sign([FORMER], "a", 1, b"")
    assert first.endswith(second)


def test_what_is_signed_is_the_id_the_time_and_the_bytes_as_sent() -> None:
    assert signed_content("0199a1b2-01", 1674087231, b'{ "a" : 1 }') == b'0199a1b2-01.1674087231.{ "a" : 1 }'


@pytest.mark.parametrize(
    ("message_id", "timestamp"), [("a.1", 1), ("", 1), ("a\n", 1), ("a b", 1), ("é", 1), ("a", -1)]
)
def test_no_message_can_be_read_as_another(message_id: str, timestamp: int) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        sign([SECRET], message_id, timestamp, b"")


def test_nothing_goes_out_without_a_signature() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        sign([], "a", 1, b"")


def test_a_secret_has_one_text_and_is_read_back() -> None:
    assert Secret.read(SECRET.text, SECRET.private) == SECRET
    assert Secret.read(f"whsec_{ZEROS}=", f"whsk_{ZEROS}=") == Secret(bytes(32), bytes(32))
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", SECRET.text)
    assert re.fullmatch(r"whsk_[A-Za-z0-9+/]{43}=", SECRET.private)
    assert public_of(SECRET.public) == signatures.public_of(SECRET.seed)
    assert SECRET.shared not in {FORMER.shared, SECRET.seed}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        f"whpk_{ZEROS}=",
        f"{ZEROS}=",
        f"whsec_{ZEROS}",
        f"whsec_{ZEROS}= ",
        f"whsec_{ZEROS[:-1]}B=",
        f"whsec_{ZEROS[:-1]}é=",
        "whsec_" + base64.b64encode(b"x" * 31).decode(),
        "whsec_" + base64.b64encode(b"x" * 33).decode(),
    ],
)
def test_no_other_text_is_a_secret(text: str) -> None:
    with pytest.raises(NotASecret):
        Secret.read(text, f"whsk_{ZEROS}=")


def test_a_secret_does_not_show_in_what_is_printed() -> None:
    assert "Secret()" in repr(SECRET)
