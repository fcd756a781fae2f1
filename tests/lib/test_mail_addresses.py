"""One mailbox, one spelling."""

import pytest

from hq.lib.mail_addresses import domain_of, spell_address, spell_domain


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("ines@alder.example", "ines@alder.example"),
        ("INES@Alder.EXAMPLE", "ines@alder.example"),
        ("o'hara+hq@a-b.c1.example", "o'hara+hq@a-b.c1.example"),
        ("ines@b\u00fccher.example", "ines@xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_spelling(written, spelled):
    assert spell_address(written) == spelled
    assert domain_of(written) == spelled.partition("@")[2]


NO_ADDRESSES = [
    "",
    "@",
    "ines",
    "ines@",
    "@alder.example",
    "ines@alder",
    "ines@alder.example@evil.example",
    "ines@alder.example.",
    "ines@.alder.example",
    "ines@alder..example",
    "ines@-alder.example",
    "ines@alder_.example",
    "ines@127.0.0.1",
    "ines@[127.0.0.1]",
    " ines@alder.example",
    "ines@alder.example\n",
    "in es@alder.example",
    '"ines"@alder.example',
    ".ines@alder.example",
    "ines.@alder.example",
    "in..es@alder.example",
    "ines\x00@alder.example",
    "\u0131nes@alder.example",
    "ines@\u212aings.example",
    "\u212aay@alder.example",
    "ines@\uff41lder.example",
    "ines@alder\u3002example",
    "ines@alder\uff0eexample",
    f"{'i' * 65}@alder.example",
    f"ines@{'a' * 64}.example",
    f"ines@{'a.' * 130}example",
    f"{'i' * 64}@{'a.' * 95}example",
]


@pytest.mark.parametrize("written", NO_ADDRESSES, ids=ascii)
def test_what_could_be_taken_for_another_is_no_address(written):
    assert spell_address(written) is None
    assert domain_of(written) is None


def test_a_domain_is_spelled_alone_too():
    assert spell_domain("B\u00dccher.example") is None  # a capital is not mapped outside of ASCII
    assert (spell_domain("Alder.EXAMPLE"), spell_domain("example"), spell_domain("")) == ("alder.example", None, None)
