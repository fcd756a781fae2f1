"""Syslog over TLS and S3, against real servers; and text that tries to break a line, in each form."""

import gzip
import json
import re
import ssl
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from audit.selectors import Entry
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.outbound import AddressNotPublic
from streams import actions
from streams.actions import Made
from streams.targets import TARGETS, Parcel, base, lines, syslog
from tests.aws import servers
from tests.aws.fixtures import Aws, ministack
from tests.factories import Place
from tests.lib.loopback import Authority, authority
from tests.streams.receivers import receiving
from tests.streams.support import LOOPBACK, length, make_due, make_events, send_all, stream_of

__all__ = ["authority", "ministack"]

NASTY = '\x00\x01\r\n<34>1 - - - - - - forged\n\n\x1b[2J\x7f\x85\u2028\u2029\u202e\ufeff]"\\ 999 é🔑'
RFC5424 = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([\x21-\x7e]{1,255}) HQ - ([\x21-\x7e]{1,32})"
    r" ((?:\[[^ =\]\"]+(?: [^ =\]\"]+=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*\])+) \ufeff(\{.*\})"
)


def entry(index: int = 7, text: str = NASTY) -> Entry:
    document = {"tag": text, "verb": text, "status": 403, "actor": {"id": text, "kind": text}, "log": text}
    at = datetime(2026, 11, 22, 20, 14, 5, 123456, tzinfo=UTC)
    return Entry(index, canonical(document), b"p" * 32, b"h" * 32, {"target": text, text[:3]: [text]}, "00", at)


def test_no_text_breaks_a_line_and_none_is_lost() -> None:
    raw = lines.line("admin", entry())
    assert len(raw.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e\ufeff]", raw)
    assert json.loads(raw)["document"]["tag"] == json.loads(raw)["detail"]["target"] == NASTY


def test_no_text_breaks_a_syslog_message() -> None:
    message = syslog.message("admin", entry())
    matched = RFC5424.fullmatch(message)
    assert matched, message
    priority, at, _, kind, data, text = matched.groups()
    assert (priority, at, len(kind)) == ("109", "2026-11-22T20:14:05.123456Z", 32)
    assert f'index="7" hash="{b"h".hex() * 32}"' in data
    assert json.loads(text)["detail"]["target"] == NASTY
    size, _, rest = syslog.frame(message).partition(b" ")
    assert int(size) == len(rest) == len(message.encode())


@pytest.fixture
def loopback(settings: Settings) -> None:
    settings.OUTBOUND_NETWORKS = LOOPBACK


def syslog_to(place: Place, port: int, ca: str) -> Made:
    with tenant(place.id):
        return actions.create_stream(
            actor=place.actor(),
            name="Syslog",
            kind="syslog",
            target={"host": "localhost", "port": port, "ca": ca},
            secret={},
            logs=["admin"],
            begin="start",
        )


@pytest.mark.django_db
@pytest.mark.usefixtures("loopback")
def test_syslog_brings_every_entry_over_tls(place: Place, authority: Authority) -> None:
    make_events(place, 3)
    with receiving(authority.server_context("localhost")) as syslogd:
        untrusted = syslog_to(place, syslogd.port, "")
        send_all()
        assert "is not trusted" in stream_of(untrusted).said
        assert syslogd.messages == []
        made = syslog_to(place, syslogd.port, authority.path.read_text())
        send_all()
        matched = [RFC5424.fullmatch(message) for message in syslogd.messages]
        assert all(matched)
        assert [json.loads(each[6])["index"] for each in matched if each] == list(range(1, length(place) + 1))
        assert stream_of(made).failing_since is None


@pytest.mark.django_db
@pytest.mark.usefixtures("loopback")
def test_syslog_trusts_no_certificate_of_another_name_and_no_old_tls(place: Place, authority: Authority) -> None:
    with receiving(authority.server_context("other.example")) as syslogd:
        made = syslog_to(place, syslogd.port, authority.path.read_text())
        send_all()
        assert "is not trusted" in stream_of(made).said
        assert syslogd.messages == []
    for ca in ("", authority.path.read_text()):
        context = syslog._context(ca)
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.django_db
@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(("ends", "arrives"), [("notify", True), ("fin", True), ("reset", False), ("never", False)])
def test_a_batch_of_syslog_has_arrived_when_the_receiver_ends_it(
    ends: str, arrives: bool, place: Place, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "SECONDS", 2.0)
    with receiving(authority.server_context("localhost")) as syslogd:
        syslogd.ends = ends
        made = syslog_to(place, syslogd.port, authority.path.read_text())
        send_all()
        assert (stream_of(made).failing_since is None) is arrives
        if not arrives:
            syslogd.ends = "notify"
            make_due(made)
            send_all()
        indexes = [json.loads(each.partition("\ufeff")[2])["index"] for each in syslogd.connections[-1]]
        assert indexes == list(range(1, length(place) + 1))


@pytest.mark.usefixtures("loopback")
def test_a_private_address_is_reached_by_no_kind(settings: Settings) -> None:
    settings.OUTBOUND_NETWORKS = []
    parcel = Parcel("x", uuid4(), "admin", [entry()])
    s3 = {"bucket": "b", "region": "r", "prefix": "", "endpoint": "https://127.0.0.1:1", "access_key_id": "AKIA"}
    said = base.FAULTS[AddressNotPublic]
    assert TARGETS["s3"].send(parcel, s3, {"secret_access_key": "x"}).said == said
    assert TARGETS["syslog"].send(parcel, {"host": "127.0.0.1", "port": 1, "ca": ""}, {}).said == said


@pytest.mark.django_db
@pytest.mark.usefixtures("loopback")
def test_s3_gets_an_object_for_each_batch_and_the_same_one_again(place: Place, ministack: Aws) -> None:
    store: Any = ministack.client("s3")
    bucket = f"siem-{uuid4().hex[:12]}"
    store.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": servers.REGION})
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/trail/*"}
    policy = {"Statement": [allowed]}
    key, secret = servers.user(ministack.address, bucket, json.dumps({"Version": "2012-10-17", **policy}))
    target = {"bucket": bucket, "region": servers.REGION, "prefix": "trail", "access_key_id": key}
    with tenant(place.id):
        made = actions.create_stream(
            actor=place.actor(),
            name="Bucket",
            kind="s3",
            target={**target, "endpoint": ministack.address},
            secret={"secret_access_key": secret},
            logs=["admin"],
            begin="start",
        )
    send_all()
    [found] = store.list_objects_v2(Bucket=bucket)["Contents"]
    last = length(place)
    assert re.fullmatch(rf"trail/\d{{4}}/\d\d/\d\d/admin-000000000001-{last:012d}\.jsonl\.gz", found["Key"])
    body = gzip.decompress(store.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert [json.loads(line)["index"] for line in body.decode().splitlines()] == list(range(1, last + 1))
    with tenant(place.id):
        actions.replay_stream(actor=place.actor(), stream_id=made.stream.id, log="admin", index=1)
        wrong = {**target, "endpoint": ministack.address, "access_key_id": "AKIAWRONG"}
        actions.change_stream(
            actor=place.actor(), stream_id=made.stream.id, name="Bucket", target=wrong, secret={}, logs=["admin"]
        )
    send_all()
    assert (stream_of(made).state, "403" in stream_of(made).said) == ("PAUSED", True)
