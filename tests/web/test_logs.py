"""Nothing secret is logged, whoever logs it."""

import logging
import re
from pathlib import Path

import pytest

from hq.web.logs import LineFormatter

TOKENS = [
    *(
        f"{word}AbC-123_x"
        for word in ("hqa_", "hqc_", "hqd_", "hqg_", "hqh_", "hqi_", "hqo_", "hqr_", "hqs_", "hqt_", "hqw_")
    ),
    "hd_live_AbC123",
    "hd_test_AbC123",
]


def told(message, *arguments, **more):
    return LineFormatter().format(
        logging.LogRecord("django.request", logging.ERROR, "", 1, message, arguments, None, **more)
    )


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_an_address_is_redacted(token):
    line = told("Internal Server Error: %s", f"/s/{token}")
    assert token not in line
    assert "[redacted]" in line


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_an_exception_is_redacted(token):
    error = ValueError(token)
    record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), (ValueError, error, None))
    assert "[redacted]" in LineFormatter().format(record)
    assert token not in LineFormatter().format(record)


def test_extras_that_a_call_names_are_told():
    record = logging.makeLogRecord({"name": "hq.jobs", "msg": "claimed", "kind": "keys.reencrypt"})
    assert LineFormatter().format(record).endswith("claimed kind=keys.reencrypt")


def test_what_a_request_filled_into_an_address_is_not_told(client, db):
    request = client.get("/s3/a-bucket/claims/Jane%20Doe.pdf").wsgi_request
    record = logging.LogRecord("django.request", logging.ERROR, "", 1, "%s: %s", ("Gone", request.path), None)
    record.request = request
    line = LineFormatter().format(record)
    assert "Jane" not in line
    assert "Gone: /s3/<str:bucket>/<path:path>" in line
    request.resolver_match = None
    assert LineFormatter().format(record).endswith("Gone: [withheld]")


def test_every_token_of_ours_begins_in_a_way_that_is_redacted():
    """A prefix of another form would be logged as it is."""
    root = Path(__file__).resolve().parents[2]
    found = {
        prefix
        for path in root.glob("*/**/*.py")
        if path.relative_to(root).parts[0] not in {"tests", "bench"}
        for prefix in re.findall(r'PREFIX\b[^=\n]*= "(h[a-z_]+_)"', path.read_text())
    }
    assert {"hqg_", "hqh_", "hqi_"} <= found
    for prefix in found:
        assert "AbC123" not in told(f"{prefix}AbC123"), prefix
