"""The side bar says where one is, and nothing else."""

import re

import pytest

from tests.factories import make_place, sign_in

CURRENT = re.compile(r'<a href="[^"]*" aria-current="page">.*?</svg>([^<]*)', re.DOTALL)


@pytest.mark.parametrize(("path", "titles"), [("", ["Overview"]), ("files/", ["Files"]), ("your-data/", [])])
def test_the_side_bar_marks_the_page_one_is_on_and_the_overview_only_on_itself(db, path, titles):
    place = make_place()
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/{path}").content.decode()
    side = page[page.index("hq-side") : page.index("<main")]
    assert [title.strip() for title in CURRENT.findall(side)] == titles
