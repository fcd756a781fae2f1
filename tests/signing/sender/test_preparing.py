"""Preparing an agreement on its pages: what is sent twice is made once, what cannot be is said beside it."""

import re
from io import BytesIO

import orjson
import pikepdf
import pytest
from django.test import Client

from hq.authz.roles import Role
from hq.db.context import tenant
from signing import selectors
from signing.models import Agreement
from signing.views.sheets import done_to, places_of
from tests.factories import make_member, run_jobs, sign_in
from tests.signing import support


def once_of(page):
    return re.findall(r'name="once" value="([^"]+)"', page.content.decode())[0]


def upload(desk, content, **more):
    once = once_of(desk.get("new"))
    file = BytesIO(content)
    file.name = "lease.pdf"
    return desk.post("new", {"title": "Lease", "source": "pdf", "file": file, "once": once, "text": "", **more})


def heavy_pdf():
    """Larger than Django's own reader takes."""
    out = BytesIO()
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(595, 842))
        page.Contents = document.make_stream(b"% " + b"x" * 3_000_000)
        document.save(out, compress_streams=False)
    return out.getvalue()


def only(desk):
    with tenant(desk.place.id):
        return Agreement.objects.select_related("document").get(state="draft")


def test_a_pdf_of_several_megabytes_comes_by_a_plain_form(desk):
    content = heavy_pdf()
    assert len(content) > 3_000_000
    assert upload(desk, content).status_code == 302
    assert only(desk).document.size == len(content)
    back = desk.get(f"{only(desk).id}/original")
    assert (back.content, back["Content-Type"]) == (content, "application/pdf")
    assert "sandbox" in back["Content-Security-Policy"]


def test_a_form_without_its_token_is_refused_though_the_view_reads_it_late(desk):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = desk.client.cookies
    answer = strict.post(desk.at("new"), {"title": "x", "source": "text", "text": "[[signature:1]]"})
    assert answer.status_code == 403
    with tenant(desk.place.id):
        assert not Agreement.objects.exists()


def test_the_same_form_twice_makes_one_agreement(desk):
    data = {"title": "NDA", "source": "text", "text": "[[signature:1]]", "once": once_of(desk.get("new"))}
    assert desk.post("new", data).status_code == 302
    again = desk.post("new", data)
    assert again.status_code == 400
    assert "was sent before" in again.content.decode()
    assert only(desk).title == "NDA"


@pytest.mark.parametrize(
    ("content", "words"), [(b"no pdf", "PDF"), (support.pdf_of()[:200], "PDF")], ids=["no pdf", "half of one"]
)
def test_what_is_wrong_with_a_pdf_stands_beside_it(desk, content, words):
    answer = upload(desk, content)
    assert answer.status_code == 400
    fault = re.search(r'id="id_file-error">(.*?)</p>', answer.content.decode(), re.DOTALL)
    assert fault
    assert words in fault[1]


def test_a_text_that_cannot_be_read_names_its_line_and_the_preview_says_the_same(desk):
    text = "fine\n\n[[signatur:1]]"
    data = {"title": "x", "source": "text", "text": text, "once": once_of(desk.get("new"))}
    for answer in (desk.post("new", data), desk.post("preview", {"text": text})):
        assert "Line 3: &#x27;signatur&#x27; is no kind of field" in answer.content.decode()


def test_a_preview_draws_the_text_and_runs_nothing_of_it(desk):
    drawn = desk.post("preview", {"text": "# T\n\n<script>x</script> [[text:2 Company?]]"}).content.decode()
    assert "&lt;script&gt;" in drawn
    assert '<span class="hq-slot is-s2"><b>2</b> Text: Company (optional)</span>' in drawn


def test_without_a_script_a_button_shows_how_it_reads_and_saves_nothing(desk):
    page = desk.post("new", {"title": "Kept", "source": "text", "text": "Of *words*", "look": "yes"})
    assert page.status_code == 200
    assert "<em>words</em>" in page.content.decode()
    assert 'value="Kept"' in page.content.decode()
    with tenant(desk.place.id):
        assert not Agreement.objects.exists()


PERSON = {"role": "", "kind": "signer", "method": "code"}


def people(*emails, **more):
    columns = {name: [PERSON[name]] * len(emails) for name in PERSON}
    turns = [str(number) for number in range(1, len(emails) + 1)]
    return {"order": "one", "do": "save", "name": ["A"] * len(emails), "email": emails, "turn": turns} | columns | more


@pytest.mark.parametrize(("order", "turns"), [("one", [1, 2, 3]), ("all", [1, 1, 1]), ("mixed", [5, 1, 5])])
def test_people_go_in_order_at_once_or_by_number(desk, order, turns):
    made = support.make_agreement(desk.place)
    sent = people("a@b.example", "c@d.example", "e@f.example", order=order, turn=["5", "1", "5"])
    assert desk.post(f"{made.id}/people", sent).status_code == 302
    assert [one.turn for one in support.signers(made)] == turns
    assert f'value="{order}" checked' in " ".join(desk.get(f"{made.id}/people").content.decode().split())


def test_buttons_change_the_rows_and_save_nothing(desk):
    made = support.make_agreement(desk.place)
    for act, emails in (("add", ["a@b.example", "c@d.example", ""]), ("up:1", ["c@d.example", "a@b.example"])):
        page = desk.post(f"{made.id}/people", people("a@b.example", "c@d.example", do=act)).content.decode()
        assert re.findall(r'name="email" value="([^"]*)"', page) == emails
    assert [one.email for one in support.signers(made)] == ["sam1@signer.example"]


@pytest.mark.parametrize("act", ["up:0", "down:9", "remove:x", "remove:-1", "", "leap:1"])
def test_a_button_that_is_none_changes_nothing(act):
    assert done_to([{"a": "1"}, {"a": "2"}], act, {}) == [{"a": "1"}, {"a": "2"}]


def test_faults_stand_beside_whom_they_are_about(desk):
    made = support.make_agreement(desk.place)
    page = desk.post(f"{made.id}/people", people("a@b.example", "nobody"))
    assert page.status_code == 400
    assert 'id="email-1-error"' in page.content.decode()
    assert 'id="email-0-error"' not in page.content.decode()


PLACED = {"signer": "1", "kind": "signature", "page": "1", "x": "10", "y": "10", "width": "30", "height": "5"}
PLACED |= {"label": "", "need": "yes"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"page": "2"}, "has 1 pages"),
        ({"page": "one"}, "has 1 pages"),
        ({"x": "70.01"}, "lies on its page as a whole"),
        ({"y": "-1"}, "lies on its page as a whole"),
        ({"width": "0"}, "lies on its page as a whole"),
        ({"height": "nan"}, "lies on its page as a whole"),
        ({"x": "1e9"}, "lies on its page as a whole"),
        ({"signer": "2"}, "belongs to somebody who signs"),
        ({"kind": "stamp"}, "A field is one of"),
    ],
)
def test_fields_outside_of_a_page_or_of_nobody_are_refused_beside_them(desk, change, words):
    made = support.make_agreement(desk.place, pdf=support.pdf_of())
    page = desk.post(f"{made.id}/fields", {"places": orjson.dumps([PLACED | change]).decode(), "do": "save"})
    assert page.status_code == 400
    assert words in page.content.decode()


@pytest.mark.parametrize("places", ["x", "[1]", "{}", '[{"signer": "1"}]', '"a"'])
def test_fields_that_did_not_arrive_as_a_whole_are_refused(desk, places):
    made = support.make_agreement(desk.place, pdf=support.pdf_of())
    assert desk.post(f"{made.id}/fields", {"places": places, "do": "save"}).status_code == 400


def test_numbers_are_per_cent_with_a_point_or_a_comma():
    [place] = places_of([PLACED | {"x": "33.33", "y": "0,5"}])
    assert (place.x, place.y, place.width) == (333_300, 5_000, 300_000)


def test_what_is_missing_is_listed_and_nothing_can_be_sent(desk):
    made = support.make_agreement(desk.place, 2, pdf=support.pdf_of(), places=support.places_for(support.people_of(1)))
    page = desk.get(f"{made.id}/review").content.decode()
    assert "Sam Signer 2 has no place to sign at." in page
    assert re.search(r'<button type="submit" class="btn btn-primary" disabled>', page)
    assert desk.post(f"{made.id}/review").status_code == 400
    assert support.fresh(made).state == "draft"


def test_a_template_with_variables_is_used_and_goes_out(desk):
    text = "For {company}. [[signature:1]]"
    made = support.make_agreement(desk.place, text=text, title="Secrecy")
    kept = desk.post(f"{made.id}/keep-as-template", {"title": "Secrecy"})
    template = kept["Location"].rpartition("/")[2]
    data = {"title": "For Holm", "name_0": "Ada", "email_0": "ada@holm.example", "value_company": "*Holm*"}
    data["once"] = once_of(desk.get(f"templates/{template}/use"))
    used = desk.post(f"templates/{template}/use", data)
    assert used.status_code == 302
    assert desk.client.post(used["Location"]).status_code == 302
    run_jobs()
    listed = desk.get(f"?template={template}&state=sent").content.decode()
    assert "For Holm" in listed
    assert "0 of 1" in listed


def test_members_see_their_own_and_nothing_of_another(desk):
    made = support.make_agreement(desk.place)
    other = sign_in(make_member(desk.place, Role.DEVELOPER))
    for page in ("", "/people", "/review", "/original", "/remove"):
        assert other.get(desk.at(f"{made.id}{page}")).status_code == 404
    assert made.title not in other.get(desk.at()).content.decode()
    with tenant(desk.place.id):
        assert len(selectors.list_agreements(desk.place.actor())) == 1


def test_a_colleagues_draft_can_be_looked_at_and_has_no_button_to_send_it(desk):
    button = "Send it</button>"
    colleague = make_member(desk.place, Role.DEVELOPER)
    theirs = support.make_agreement(desk.place, actor=desk.place.actor(Role.DEVELOPER, colleague))
    page = desk.get(f"{theirs.id}/review").content.decode()
    assert button not in page
    assert f"in the name of {theirs.created_by_label}, who alone can send it" in page
    assert button in sign_in(colleague).get(desk.at(f"{theirs.id}/review")).content.decode()
