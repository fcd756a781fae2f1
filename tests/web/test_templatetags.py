"""The tag library: what it writes, and that nothing a person typed becomes markup."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from hq.web.templatetags import _charts, _diff, _text, _time

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def render(source: str, **values) -> str:
    return Template("{% load hq %}" + source).render(Context(values))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 KB"), (46_000, "46 KB"), (18_400_000, "18.4 MB"),
        (999_600, "1 MB"), (2_310_000_000, "2.31 GB"), (48_200_000_000, "48.2 GB"), (316_000_000_000, "316 GB"),
        (100_000_000, "100 MB"), (None, ""), ("12", ""), (True, ""),
    ],
)  # fmt: skip
def test_sizes_have_three_figures(amount, text):
    assert _text.size(amount) == text


def test_a_long_name_keeps_its_beginning_and_extension():
    assert _text.middle("reserve-memo-of-the-third-quarter.parquet", 24) == "reserve-memo-of….parquet"
    assert _text.middle("short.md", 24) == "short.md"


@given(st.text(max_size=200), st.integers(min_value=8, max_value=60))
def test_a_cut_name_is_never_longer_than_asked(name, length):
    assert len(_text.middle(name, length)) <= length


def test_file_icons_follow_the_extension():
    assert [_text.file_icon(name) for name in ("a/", "a.CSV", "a.tar.zst", "README")] == [
        "folder", "file-spreadsheet", "file-archive", "file",
    ]  # fmt: skip


def test_a_browser_is_named_as_far_as_it_says():
    firefox = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert _text.browser(firefox) == "Firefox 140 on macOS"
    assert _text.browser("curl/8.1") == "curl/8.1"
    assert _text.browser("") == "Unknown"


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(seconds=-42), "42 s ago"), (timedelta(minutes=-4), "4 min ago"), (timedelta(hours=-3), "3 h ago"),
        (timedelta(days=-1), "1 day ago"), (timedelta(days=-12), "12 days ago"), (timedelta(minutes=35), "in 35 min"),
        (timedelta(days=-100), "3 months ago"), (timedelta(days=-800), "2 years ago"),
    ],
)  # fmt: skip
def test_relative_times(distance, text):
    assert _time.relative(NOON + distance, NOON) == text


def test_near_times_name_the_day():
    days = [_time.near(NOON - timedelta(days=count), NOON) for count in (0, 1, 2, 400)]
    assert days == ["Today 12:00", "Yesterday 12:00", "20 Nov 12:00", "18 Oct 2025"]


def test_a_moment_is_in_the_persons_zone_with_the_exact_time_in_its_title():
    html = render("{% moment at 'exact' %}", at=NOON, person={"time_zone": "Europe/Stockholm"})
    assert 'datetime="2026-11-22T12:00:00+00:00"' in html
    assert "22 Nov 2026, 13:00:00 CET" in html
    assert "22 November 2026, 13:00:00 CET (12:00:00 UTC)" in html


def test_a_zone_nobody_knows_falls_back():
    assert _time.zone_of({"time_zone": "Mars/Olympus"}) == timezone.get_current_timezone()


def test_no_time_reads_as_a_dash():
    assert render("{% moment at %}", at=None) == "–"
    assert "22 November 2026" in render("{% moment at %}", at=date(2026, 11, 22))


def test_an_icon_is_decoration_unless_it_has_a_label():
    assert 'aria-hidden="true"' in render("{% icon 'link' %}")
    assert 'role="img" aria-label="Share"' in render("{% icon 'link' label='Share' %}")


@pytest.mark.parametrize(
    "source",
    [
        "{% status 'ok' bad %}", "{% hash bad %}", "{% copy_field bad 'Key' %}", "{% fact bad bad bad %}",
        "{% kv bad bad %}", "{% crumb bad bad %}", "{% diff before after %}", "{% empty 'link' bad bad %}",
        "{% toast message %}",
        "{% danger bad bad '/x' bad typed=bad refused=bad hint=bad %}", "{% search bad bad %}",
        "{% datatable bad %}<tbody><tr><td>{{ bad }}</td></tr></tbody>{% enddatatable %}",
        "{% note %}{{ bad }}{% endnote %}", "{% event 'link' detail=bad %}{{ bad }}{% endevent %}",
        "{% proof bad bad %}{{ bad }}{% endproof %}", "{% progress 1 2 bad detail=bad %}", "{% stepper steps %}",
        "{% selection %}{{ bad }}{% endselection %}",
        "{% paths steps %}", "{% lifeline points %}", "{% strip days bad %}",
    ],
)  # fmt: skip
def test_nothing_typed_becomes_markup(source):
    bad = '"><script>alert(1)</script>'
    html = render(
        source,
        bad=bad,
        before={bad: bad},
        after={bad: None},
        message={"message": f"{bad}. {bad}", "level_tag": "success", "extra_tags": f"/audit/1 {bad}"},
        steps=[{"title": bad, "result": bad, "state": "now"}],
        points=[{"at": NOON, "kind": "created", "label": bad}, {"at": NOON, "kind": "end", "label": bad}],
        days=[{"date": date(2026, 11, 22), "events": 1, "refused": 0, "verified": True}],
    )
    assert "<script" not in html
    assert "style=" not in html


def test_a_table_says_its_roles_again():
    html = render(
        '{% datatable "Files" %}<thead><tr><th scope="col">Name</th></tr></thead>'
        '<tbody><tr class="x"><th scope="row">a</th><td>1</td></tr></tbody>{% enddatatable %}'
    )
    for part in (
        '<table class="hq-table " role="table"', '<thead role="rowgroup">', '<tr role="row" class="x">',
        '<th role="columnheader" scope="col">', '<th role="rowheader" scope="row">', '<td role="cell">',
    ):  # fmt: skip
        assert part in html


class Sample(forms.Form):
    network = forms.CharField(help_text="One network.", widget=forms.TextInput(attrs={"placeholder": "Network"}))
    level = forms.ChoiceField(widget=forms.RadioSelect, choices=[("r", "Read|Open and download"), ("w", "Write")])
    note = forms.CharField(required=False, widget=forms.Textarea)
    agreed = forms.BooleanField()
    token = forms.CharField(widget=forms.HiddenInput, required=False)


def test_a_field_is_described_by_its_error_and_its_help():
    form = Sample({})
    html = render("{% field form.network %}", form=form)
    assert 'aria-describedby="id_network-error id_network-help"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_network-error"' in html
    assert "placeholder" not in html
    assert form.fields["network"].widget.attrs["placeholder"] == "Network"


def test_choices_have_a_legend_and_an_explanation():
    html = render("{% field form.level style='cards' %}", form=Sample({"level": "w"}))
    assert "<legend>Level" in html
    assert "<b>Read</b><small>Open and download</small>" in html
    assert html.count("checked") == 1


def test_a_field_says_when_it_may_stay_empty_and_takes_attributes():
    html = render("{% field form.note rows=2 autofocus=True data_x='1' %}", form=Sample())
    assert "(optional)" in html
    assert "autofocus" in html
    assert 'data-x="1"' in html


def test_help_can_be_taken_away():
    assert "One network" not in render("{% field form.network help='' %}", form=Sample())


def test_the_error_summary_leads_to_each_field():
    html = render("{% errors form %}", form=Sample({}))
    assert "3 things to correct" in html
    for target in ("#id_network", "#id_level_0", "#id_agreed"):
        assert f'href="{target}"' in html
    assert render("{% errors form %}", form=Sample()).strip() == ""


def test_a_form_is_written_in_order():
    html = render("{% fields form %}", form=Sample())
    places = [html.index(f'name="{name}"') for name in ("network", "level", "note", "agreed", "token")]
    assert places == sorted(places)


def test_a_choice_of_the_filter_bar_lives_in_the_address():
    request = RequestFactory().get("/audit?q=x&kind=admin&cursor=abc")
    html = render("{% choose 'kind' 'Kind' options %}", request=request, options=[("admin", "administrative")])
    assert "<b>administrative</b>" in html
    assert 'href="?q=x"' in html
    assert 'href="?q=x&amp;kind=admin"' in html
    assert "cursor" not in html


def test_a_toast_names_the_audit_entry_it_left():
    message = {"message": "Link revoked. Nobody can open it.", "level_tag": "success", "extra_tags": "/audit/9 184,241"}
    html = render("{% toast message %}", message=message)
    assert "<b>Link revoked.</b> Nobody can open it." in html
    assert '<a href="/audit/9">Audit entry 184,241</a>' in html
    assert (
        "href"
        not in render("{% toast message %}", message={"message": "x", "extra_tags": "javascript:alert(1)"}).split(
            "<use"
        )[0]
    )


def test_a_diff_names_what_changed_and_keeps_secrets():
    rows = _diff.changes(
        {"a": {"b": 1, "c": 2}, "s": {"redacted": 1}}, {"a": {"b": 3, "c": 2}, "s": {"redacted": 2}, "n": "x"}
    )
    assert [(row["name"], row["kind"]) for row in rows] == [("a.b", "changed"), ("s", "redacted"), ("n", "added")]
    assert rows[0]["before"] == "1"
    assert "No field changed" in render("{% diff before after %}", before=None, after=None)


def test_hash_bars_come_from_the_first_twelve_digits():
    bars = _charts.hash_bars("sha256:0f" + "0" * 62)
    assert [bar["height"] for bar in bars] == [1, 12, *[1] * 10]
    assert _charts.short_hash("f562267f0a91bc3d77e1020958c4a6be") == "f562267f…c4a6be"


def test_a_strip_fits_its_tallest_day_and_names_its_gaps():
    today = date(2026, 11, 22)
    days = [
        {"date": today - timedelta(days=2 - i), "events": i * 10, "refused": i, "verified": i != 1} for i in range(3)
    ]
    chart = _charts.strip(days, today)
    assert [column["height"] for column in chart["columns"]] == ["0.0", "30.0", "60.0"]
    assert chart["gaps"] == ["21 November"]
    assert chart["labels"][-1]["text"] == "Today"
    assert chart["summary"].endswith("30 events, 3 refused, chain verified on 2 of 3 days.")
    assert _charts.strip([], today)["summary"] == "No days to show."


def test_a_lifeline_places_points_and_counts_refusals():
    points = [
        {"at": NOON, "kind": "created", "label": "Created"},
        {"at": NOON + timedelta(minutes=25), "kind": "refused", "label": "Refused"},
        {"at": NOON + timedelta(minutes=35), "kind": "refused", "label": "Refused"},
        {"at": NOON + timedelta(minutes=100), "kind": "end", "label": "Access ends"},
    ]
    life = _charts.lifeline(points, NOON + timedelta(minutes=50), UTC)
    assert [point["x"] for point in life.points] == ["0.00%", "25.00%", "35.00%", "100.00%"]
    assert life.refused == {"x": "30.00%", "anchor": "middle", "label": "Refused twice"}
    assert life.now == {"x": "50.00%", "label": "Now 12:50", "tight": ""}
    assert _charts.lifeline(points, NOON + timedelta(days=1), UTC).now is None


def test_the_components_page_stands_by_itself():
    html = Template('{% extends "components.html" %}').render(Context({"csrf_token": "token"}))
    assert "3 things to correct" not in html
    assert "1 thing to correct" in html
    assert "style=" not in html
    assert html.count("</table>") == 3
    assert "changed, value not kept" in html
