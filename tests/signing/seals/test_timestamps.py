"""A seal with a timestamp of another, and what becomes of it when that other fails: it is made all the same."""

from ipaddress import ip_network

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.seals import pades, timestamps
from tests.lib.loopback import next_port, saying, serving, silent
from tests.signing.seals import authority
from tests.signing.seals.authority import response, stamping
from tests.signing.seals.papers import EVIDENCE, by_poppler, by_pyhanko
from tests.verify import agreements
from tests.verify.agreements import root, sealed_pdf
from tests.verify.program import VERIFY

VALID = "Signature is Valid."


@pytest.fixture(autouse=True)
def loopback_is_ours(settings):
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]


def asked_of(answer, **change):
    """A PDF sealed while this answers at the authority's address."""
    with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}/tsa"
        return sealed_pdf(agreements.paper(EVIDENCE), timestamp_url=url, **change)


@pytest.mark.poppler
def test_an_honest_authority_lifts_the_seal_to_b_t_and_everybody_finds_the_time():
    sealed = asked_of(stamping(lambda asked: response(asked).dump()))
    assert (sealed.level, sealed.problem) == ("B-T", "")
    found = by_pyhanko(sealed.pdf, root().certificate_pem)
    assert (found.intact, found.valid, found.coverage.name) == (True, True, "ENTIRE_FILE")
    stamp = found.timestamp_validity
    assert (stamp.intact, stamp.valid) == (True, True)
    assert stamp.timestamp == authority.stamper().fixed_dt
    assert by_poppler(sealed.pdf)["Signature Validation"] == VALID
    seal = VERIFY.open_pdf(sealed.pdf).seal
    assert (seal.stamped_at, seal.stamped_by) == ("2026-11-22T05:09:30Z", authority.NAME)


def dump(asked, **change):
    return response(asked, **change).dump()


WRONG = {
    "another nonce": (stamping(lambda asked: dump(asked, change=authority.other_nonce)), "nonce is another"),
    "another digest": (stamping(lambda asked: dump(asked, change=authority.other_digest)), "digest is another"),
    "a broken signature": (stamping(authority.broken), "does not hold"),
    "no authority": (
        stamping(lambda asked: dump(asked, by=authority.stamper(ExtendedKeyUsageOID.SERVER_AUTH))),
        "does not hold",
    ),
    "something unsigned": (stamping(authority.unsigned), "could not be checked without HQ"),
    "a short key": (
        stamping(lambda asked: dump(asked, by=authority.made(bits=1024))),
        "could not be checked without HQ",
    ),
    "a refusal": (stamping(lambda asked: authority.REFUSAL), "refuses: rejection"),
    "garbage": (stamping(lambda asked: b"\x30\x03\x02\x01\x00 hello"), "no timestamp"),
    "nothing": (stamping(lambda asked: b""), "no timestamp"),
    "the question": (stamping(lambda asked: asked), "no timestamp"),
    "a page": (saying(b"<p>hello", b"Content-Type: text/html"), "no timestamp"),
    "an error": (saying(b"", status=b"500 Internal Server Error"), "answers 500"),
    "too much": (stamping(lambda asked: bytes(64 * 1024)), "larger than is read"),
    "a redirect": (saying(b"", b"Location: http://127.0.0.1/", status=b"302 Found"), "redirect"),
}


@pytest.mark.poppler
@pytest.mark.parametrize("kind", WRONG)
def test_a_bad_answer_lowers_the_level_says_why_and_never_loses_the_seal(kind):
    answer, why = WRONG[kind]
    sealed = asked_of(answer)
    assert sealed.level == "B-B"
    assert why in sealed.problem
    assert by_poppler(sealed.pdf)["Signature Validation"] == VALID
    assert VERIFY.open_pdf(sealed.pdf).seal.stamped_at == ""


def test_nobody_waits_for_an_authority_that_hangs(monkeypatch):
    monkeypatch.setattr(timestamps, "SECONDS", 0.3)
    sealed = asked_of(silent)
    assert (sealed.level, "took too long" in sealed.problem) == ("B-B", True)


@pytest.mark.poppler
def test_a_timestamp_that_does_not_fit_into_the_seal_is_left_out(monkeypatch):
    monkeypatch.setattr(pades, "ROOM_WITH_TIMESTAMP", pades.ROOM_ALONE // 2)
    sealed = asked_of(stamping(lambda asked: response(asked).dump()))
    assert (sealed.level, "too large" in sealed.problem) == ("B-B", True)
    assert by_poppler(sealed.pdf)["Signature Validation"] == VALID


@pytest.mark.parametrize(
    ("networks", "url", "why"),
    [
        ([], "http://127.0.0.1:{}/", "has to begin with https"),
        ([], "https://127.0.0.1:{}/", "leads into a private network"),
        (["127.0.0.0/8"], "http://127.0.0.1:{}/", "does not answer"),
        ([], "https://user@tsa.example/", "user name"),
    ],
)
def test_its_address_is_asked_by_the_rules_of_the_house(settings, networks, url, why):
    settings.OUTBOUND_NETWORKS = [ip_network(one) for one in networks]
    sealed = sealed_pdf(agreements.paper(EVIDENCE), timestamp_url=url.format(next_port()))
    assert sealed.level == "B-B"
    assert why in sealed.problem


def test_every_byte_of_a_timestamp_counts():
    sealed = asked_of(stamping(lambda asked: response(asked).dump())).pdf
    begin = sealed.index(b"/Contents <") + 11
    end = len(sealed[begin : sealed.index(b">", begin)].rstrip(b"0")) + begin
    for at in range(begin, end, 37):
        changed = sealed[:at] + (b"0" if sealed[at : at + 1] != b"0" else b"1") + sealed[at + 1 :]
        with pytest.raises(VERIFY.Refused):
            VERIFY.open_pdf(changed)
