"""The Python client, where a server does what HQ does not."""

from pathlib import Path
from runpy import run_path

import pytest

from tests.lib.loopback import saying, serving

# It is no package of HQ's: whoever needs it copies the file.
FILE = Path(__file__).resolve().parent.parent.parent / "client" / "hq_client.py"
CLIENT = run_path(str(FILE))
Client, NotReached, Problem = CLIENT["Client"], CLIENT["NotReached"], CLIENT["Problem"]


def broken_off(status: bytes):
    """An answer that is said to be longer than it is."""
    return lambda _, talk: talk.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 99\r\n\r\n{")


def ask(answer, what=Client.me):
    with serving(answer) as server:
        return what(Client(f"http://127.0.0.1:{server.port}", "hd_test_"))


def test_an_answer_that_breaks_off_is_not_reached():
    for what in (Client.me, lambda client: client.get_object("a/b")):
        with pytest.raises(NotReached, match="broke off"):
            ask(broken_off(b"200 OK"), what)


def test_a_refusal_that_breaks_off_or_is_no_document_is_still_a_refusal():
    for answer in (broken_off(b"403 Forbidden"), saying(b"<html>", status=b"403 Forbidden")):
        with pytest.raises(Problem) as refused:
            ask(answer)
        assert (refused.value.status, refused.value.detail) == (403, "")
