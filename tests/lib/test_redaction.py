"""Personal data goes out of a text; what an investigation reads by stays (AUD-4)."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.lib.redaction import CARD, EMAIL, PHONE, SSN, find, redact, redact_all

CORPUS = Path(__file__).parents[2].parent / "shared" / "data" / "pii-sentences.json"
KINDS = {"EMAIL_ADDRESS": EMAIL, "US_SSN": SSN, "CREDIT_CARD": CARD, "PHONE_NUMBER": PHONE}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ask ines@alderpeak.example first", "Ask [email] first"),
        ("<o'neill+claims@mail.alderpeak.example>.", "<[email]>."),
        ("jörg@müller.example", "[email]"),
        ("?to=ines%40alderpeak.example&n=1", "?to=[email]&n=1"),
        ("a@b.example,c@d.example", "[email],[email]"),
        ("SSN 460-89-9847.", "SSN [ssn]."),
        ("tel:555-1234;", "tel:[phone];"),
        ("SSN 460 89 9847", "SSN [ssn]"),
        ("460–89–9847", "[ssn]"),
        ("card 4111111111111111", "card [card]"),
        ("card 4111 1111 1111 1111, 12/29", "card [card], 12/29"),
        ("card 4111-1111-1111-1111 123", "card [card] 123"),
        ("card 3782 822463 10005", "card [card]"),
        ("card 6304 0000 0000", "card [card]"),
        ("call 555-867-5309", "call [phone]"),
        ("call (555) 867-5309 x12", "call [phone]"),
        ("+46 (0)8 928 571 38", "[phone]"),
        ("+447700677662", "[phone]"),
        ("07700 900123", "[phone]"),
        ("01.84.17.61.18", "[phone]"),
        ("555-867-5309 555-867-5310", "[phone] [phone]"),
        ("4111 1111 1111 1111 555-867-5309", "[card] [phone]"),
    ],
)
def test_it_leaves_a_mark_where_personal_data_was(text, left):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22T14:31:07.123456Z and 2026-11-22 14:31:07+00:00",
        "between 2026-01-01 and 2026-02-01, 22.11.2026, 22-11-2026, 2019-2026",
        "step 3 2026-11-22 and port 22 192.168.10.25",
        "018f6d2e-7c1a-7b3e-9d2f-4455667788aa",
        "41111111-1111-4111-8111-411111111111",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "20261122143107, 1763840000000, 5403926876, 42",
        "192.0.2.1, 198.51.100.0/24, 2001:db8:0:1234:5678:9abc:def0:1234",
        "4111111111111112",  # the check digit is another
        "1.3.6.1.4.1.311 and 0.12345678 and 52.520008, -122.4194155",
        "user@localhost, @ines, a @ b",
        "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
)
def test_it_leaves_what_an_investigation_reads_by(text):
    assert redact(text) is text


PIECES = ["555", "1234", "0", "12", "+46", "(0)", "2026-01-01", "460-89-9847", "4111 1111 1111 1111", *" -.+(x@a"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_it_finds_the_same_in_ascii_and_beside_other_letters(text):
    """The two are searched in different ways."""
    assert find(text) == find(text + "\u2026")


def test_it_keeps_to_texts_in_a_value():
    value = {"ines@alderpeak.example": ["call 555-867-5309", 5558675309, None, True, {"note": "460-89-9847"}]}
    assert redact_all(value) == {"ines@alderpeak.example": ["call [phone]", 5558675309, None, True, {"note": "[ssn]"}]}


def test_it_redacts_nothing_twice():
    text = "ines@alderpeak.example 460-89-9847 4111111111111111 555-867-5309"
    assert redact(text) == "[email] [ssn] [card] [phone]"
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("piece", ["1", "1.", "(1", "+", "1  1  ", "a@", "12 ", "4111 ", "%40", "1-", "1 (", "x1 "])
def test_it_comes_to_an_end_with_a_text_made_to_be_slow(piece):
    """A way through that grew with the square of the length, or faster, would take hours here."""
    assert len(redact(piece * 20_000)) <= 20_000 * len(piece) + 7


def test_it_leaves_nobody_a_token():
    assert redact("with hd_live_AbC-12_x and hqs_qwertz") == "with hd_live_[redacted] and hqs_[redacted]"


def _sentences() -> list[dict[str, Any]]:
    """Sentences with what others found in them: of presidio-research, where they are at hand, as in CI; else ours."""
    if CORPUS.exists():
        return list(json.loads(CORPUS.read_text()))
    text = "Ines (ines@alderpeak.example, 555-867-5309) gave 460-89-9847 and 4111 1111 1111 1111."
    spans = [(6, 26, "EMAIL_ADDRESS"), (28, 40, "PHONE_NUMBER"), (47, 58, "US_SSN"), (63, 82, "CREDIT_CARD")]
    return [
        {
            "full_text": text,
            "spans": [{"start_position": a, "end_position": b, "entity_type": kind} for a, b, kind in spans],
        }
    ]


def test_it_finds_nine_of_ten_in_sentences_that_others_labelled():
    labelled: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for sentence in _sentences():
        pieces = find(sentence["full_text"])
        for span in sentence["spans"]:
            if kind := KINDS.get(span["entity_type"]):
                labelled[kind] += 1
                first, last = span["start_position"], span["end_position"]
                found[kind] += any(start <= first and last <= end for start, end, _ in pieces)
    assert set(labelled) == set(KINDS.values())
    assert all(found[kind] / labelled[kind] >= 0.9 for kind in labelled), found
