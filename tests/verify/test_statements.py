"""Statement files as HQ makes and reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.crypto.signatures import BadSignature, decode, jwk_of, public_of
from hq.crypto.statements import MAX_BYTES, TooLarge, build, file_name, open_file, timestamp
from hq.lib.canonical import canonical
from tests.verify.program import VERIFY
from tests.verify.samples import CERTIFICATE, KID, PUBLIC, ROTATED, SEED, STRANGER, certificate, content

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGER = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_it_gives_back_what_it_signed():
    for statement in (CERTIFICATE, ROTATED):
        opened = open_file(build(statement, SEED), PUBLIC)
        assert {name: opened[name] for name in statement} == statement
        assert opened["signed_by"] == jwk_of(PUBLIC)


def test_it_is_canonical_and_signs_what_can_be_read():
    raw = certificate()
    statement = content(raw)
    jws = raw.decode().split('"')[3]
    assert raw == canonical({"jws": jws, "statement": statement})
    assert decode(jws.split(".")[1]) == canonical(statement)


def test_it_writes_the_same_statement_in_the_same_bytes():
    assert certificate() == certificate()


@settings(max_examples=60)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_both_readers_accept_whatever_it_can_write(more):
    raw = build({**{f"x{name}": value for name, value in more.items()}, **CERTIFICATE, "more": more}, SEED)
    assert open_file(raw, PUBLIC)["more"] == more
    assert VERIFY.canonical(VERIFY.read_json(raw)) == raw
    assert VERIFY.open_jws(**VERIFY.read_json(raw)) == KID


def test_it_opens_with_any_key_of_a_list():
    keys = {"keys": [jwk_of(public_of(STRANGER)), jwk_of(PUBLIC)]}
    assert open_file(certificate(), keys)["id"] == CERTIFICATE["id"]


@pytest.mark.parametrize("keys", [public_of(STRANGER), {"keys": [jwk_of(public_of(STRANGER))]}, {"keys": []}, b""])
def test_it_refuses_what_another_key_signed(keys):
    with pytest.raises(BadSignature):
        open_file(certificate(), keys)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"type": "hq/other"},
        {"id": "a b"},
        {"id": "$(reboot)"},
        {"id": "a\n"},
        {"id": ""},
        {"id": 1},
        {"issued_at": "2026-11-22T05:09:00+00:00"},
        {"issued_at": datetime(2026, 11, 22, tzinfo=UTC)},
        {"issuer": "hq.example.org"},
        {"signed_by": jwk_of(PUBLIC)},
        {"check": []},
        {"counts": [{"bytes": 2**53}]},
        {"counts": [{"bytes": 1.5}]},
        {"counts": [{"bytes": 1.0}]},
        {"organization": {"name": "\ud800"}},
        {1: "one"},
    ],
    ids=str,
)
def test_it_refuses_to_sign_what_its_readers_would_refuse(change):
    with pytest.raises(ValueError):
        build(CERTIFICATE | change, SEED)


@pytest.mark.parametrize("name", ["v", "type", "id", "issued_at", "issuer"])
def test_it_refuses_to_sign_a_statement_that_lacks_a_common_field(name):
    with pytest.raises(ValueError):
        build({other: value for other, value in CERTIFICATE.items() if other != name}, SEED)


def nested(depth: int) -> list[object]:
    inner: list[object] = []
    for _ in range(depth - 1):
        inner = [inner]
    return inner


def test_it_is_nested_as_deep_as_both_readers_go_and_no_deeper():
    raw = certificate(more=nested(30))
    assert open_file(raw, PUBLIC)["more"]
    assert VERIFY.examine(raw, None)
    with pytest.raises(ValueError):
        certificate(more=nested(31))


def test_it_never_writes_a_file_that_is_too_large_to_be_read():
    size = (MAX_BYTES - len(certificate(more=""))) * 3 // 7
    raw = certificate(more="x" * (size - 4))
    assert MAX_BYTES - 20 < len(raw) <= MAX_BYTES
    assert open_file(raw, PUBLIC)["more"]
    assert VERIFY.examine(raw, {KID})
    with pytest.raises(TooLarge):
        certificate(more="x" * (size + 4))


def test_it_names_its_file_after_what_it_is():
    assert file_name(CERTIFICATE) == f"deletion-certificate-{CERTIFICATE['id']}.json"
    assert file_name(ROTATED) == f"key-rotation-{ROTATED['id']}.json"


def test_it_writes_times_in_utc():
    assert timestamp(datetime(2026, 11, 22, 5, 9, tzinfo=UTC)) == "2026-11-22T05:09:00Z"
    assert timestamp(datetime(2026, 11, 22, 5, 9, 0, 7, timezone(timedelta(hours=1)))) == "2026-11-22T04:09:00.000007Z"
    with pytest.raises(ValueError):
        timestamp(datetime(2026, 11, 22))  # noqa: DTZ001 - a time without a zone is the case
