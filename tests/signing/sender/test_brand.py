"""The colour of signers' pages can be read on both of them, and a mark is a small picture and nothing else."""

from io import BytesIO

import pytest
from PIL import Image

from hq.authz.permissions import Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from signing.actions.brand import DARK, LEAST, WHITE, TooFaint, change_brand, contrast, find_brand, nearest, shades_of
from signing.actions.faults import CannotBeSigned
from tests.factories import make_place
from tests.signing.core.conftest import meanwhile


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ff0000", 1.0),
    ],
)
def test_contrast_is_as_wcag_has_it(one, other, ratio):
    assert round(contrast(one, other), 2) == ratio
    assert contrast(one, other) == contrast(other, one)


@pytest.mark.parametrize(
    "colour", ["#ffff00", "#ff0000", "#777777", "#00ff00", "#0000ff", "#ffffff", "#000000", "#123456"]
)
def test_each_page_gets_a_shade_that_can_be_read(colour):
    shades = shades_of(colour)
    assert shades.on_light == contrast(shades.light, WHITE) >= LEAST
    assert shades.on_dark == contrast(shades.dark, DARK) >= LEAST


def test_what_can_be_read_stays_as_it_is_and_what_cannot_changes_as_little_as_does():
    assert nearest("#006368", WHITE) == "#006368"
    assert contrast(nearest("#778877", WHITE), WHITE) < LEAST + 0.3


def png(size=(8, 8), noise=False):
    out = BytesIO()
    picture = Image.effect_noise(size, 90) if noise else Image.new("RGB", size, "red")
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def place(db):
    return make_place()


def test_a_faint_colour_is_refused_with_its_ratio_and_the_nearest_that_does(place):
    with tenant(place.id), pytest.raises(TooFaint) as refused:
        change_brand(actor=place.actor(), colour="#FFD200")
    better = nearest("#ffd200", WHITE)
    assert str(refused.value) == f"It stands out from white by 1.4 to 1, and 4.5 to 1 can be read. {better} does."
    with tenant(place.id):
        change_brand(actor=place.actor(), colour=better)


def test_a_mark_stays_until_another_comes_or_it_is_taken_away(place):
    with tenant(place.id):
        for changes, there in (({"mark": png()}, True), ({}, True), ({"keep_mark": False}, False)):
            change_brand(actor=place.actor(), colour="#006368", **changes)
            brand = find_brand(place.actor())
            assert brand
            assert bool(brand.mark) is there


@pytest.mark.parametrize(("mark", "words"), [(b"GIF89a", "PNG"), (png((400, 400), noise=True), "at most 48 kB")])
def test_a_mark_is_a_small_png(place, mark, words):
    with tenant(place.id), pytest.raises(CannotBeSigned, match=words):
        change_brand(actor=place.actor(), colour="#006368", mark=mark)


@pytest.mark.parametrize("colour", ["red", "#fff", "#00636g", "006368", "#0063680", "#006368;x:y", ""])
def test_a_colour_is_six_digits(place, colour):
    with tenant(place.id), pytest.raises(CannotBeSigned, match="six hexadecimal"):
        change_brand(actor=place.actor(), colour=colour)


@pytest.mark.parametrize("role", [role for role in Role if Permission.POLICY_CHANGE not in GRANTS[role]])
def test_only_who_may_change_the_policy_chooses_it(place, role):
    with tenant(place.id), pytest.raises(Denied):
        change_brand(actor=place.actor(role), colour="#006368")


def test_who_chooses_at_the_same_moment_chooses_after_the_other(transactional_db):
    place = make_place()
    actor = place.actor()

    def choose():
        with tenant(place.id):
            change_brand(actor=actor, colour="#123456")

    assert meanwhile(place, lambda: change_brand(actor=actor, colour="#006368"), choose) == ""
    with tenant(place.id):
        brand = find_brand(actor)
        assert brand
        assert brand.colour == "#123456"
