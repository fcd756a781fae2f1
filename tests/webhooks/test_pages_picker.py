"""The picker knows every event of the trail, in words, under what it is about."""

from audit.tags import Tag
from webhooks.views import picker


def test_every_event_of_the_trail_stands_under_a_named_noun():
    assert {tag.partition(":")[0] for tag in Tag} == set(picker.NOUNS)
    shown = [choice.tag for group in picker.groups(Tag) for choice in group.choices]
    assert sorted(shown) == sorted(Tag)


def test_it_says_what_happened_as_the_trail_does():
    assert picker.told("object:created") == "Stored …"
    assert picker.told("job:retried") == "Started the job … again"
    assert picker.told("something:unknown") == "something:unknown"


def test_it_counts_what_is_chosen_and_leaves_out_what_has_nothing():
    [files, _] = picker.groups(["object:created", "object:deleted", "share:opened"], {"object:deleted"})
    assert (files.title, files.chosen, len(files.choices)) == ("Files", 1, 2)
    assert [choice.chosen for choice in files.choices] == [False, True]
