"""What a signer types and no font has: what everybody signed must be sealed all the same."""

import pytest

from signing.paper.letters import drawable
from signing.paper.render import Mark, render_text
from signing.paper.text import read_text

TYPED = {
    "a mark that no font has above this letter": "@\u1df0",
    "the same behind a letter that is spelled out": "\u674e\u1df0",
    "a mark for nothing": "\u1df0",
    "a break that PDF/A forbids beside it": "\ufeff\u2028",
    "a tone of another script": "*@\u0954a`",
    "marks upon marks": "Z" + "\u0361\u20e7\u1df8" * 20,
    "a control that is ASCII": "a\x7fb",
    "a control of old terminals": "a\x7f\x9bb",
}


@pytest.mark.parametrize("what", TYPED)
def test_whatever_is_typed_can_be_put_on_a_page(what):
    written = read_text("# Order\n\nPrice: [[text:1 Price]], by [[signature:1]]\n")
    values = {1: Mark("text", text=drawable(TYPED[what])), 2: Mark("signature", text=drawable(TYPED[what]))}
    made = render_text(written, values, title="Order", language="en", attachments={}, certificate=None)
    assert made.startswith(b"%PDF-")


@pytest.mark.parametrize("words", ["Ines Alder", "Zoë Nuñez", "Łukasz Żółć", "e\u0301"])
def test_what_can_be_drawn_stays_as_it_was_typed(words):
    assert drawable(words) == words
