"""What people wrote is kept without personal data, and secrets not at all; the chain commits to what is kept."""

from dataclasses import replace

import pytest

from audit import recorder
from audit.masking import NAMES, of_change, of_request
from audit.models import AccessEntry, AuditEvent, PersonEvent
from audit.recorder import Target
from audit.tags import PersonTag, Tag
from hq.authz.actor import Origin
from hq.db.classes import DataClass, fields_of
from hq.db.context import tenant
from tests.factories import make_place

TEXT, CLEAN = "call 555-867-5309, ines@alderpeak.example", "call [phone], [email]"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"reason": TEXT}, {"reason": CLEAN}),
        ({"anything": [TEXT, {"deeper": TEXT}]}, {"anything": [CLEAN, {"deeper": CLEAN}]}),
        ({"email": "ines@alderpeak.example"}, {"email": "ines@alderpeak.example"}),
        ({"name": "ines@alderpeak.example"}, {"name": "ines@alderpeak.example"}),
        (
            {"members": [{"id": "1", "email": "ines@alderpeak.example"}]},
            {"members": [{"id": "1", "email": "ines@alderpeak.example"}]},
        ),
        ({"paths": ["claims/555-867-5309.pdf"]}, {"paths": ["claims/555-867-5309.pdf"]}),
        ({"paths": {"why": TEXT}}, {"paths": {"why": CLEAN}}),
        ({"secret": "x", "token": ["x"]}, {"secret": "[secret]", "token": "[secret]"}),
        ({"client_secret": "x"}, {"client_secret": "[secret]"}),
        ({"password": True, "hash": None, "token": ""}, {"password": True, "hash": None, "token": ""}),
        ({"config": {"private": "x", "n": 1}}, {"config": {"private": "[secret]", "n": 1}}),
        ({"note": "hd_live_AbCdEf"}, {"note": "hd_live_[redacted]"}),
        ({"key": "arn:aws:kms:eu-west-1:555867530912:key/1"}, {"key": "arn:aws:kms:eu-west-1:555867530912:key/1"}),
        (None, None),
        ({"claims": {"ines@alderpeak.example": 1}}, {"claims": {"[email]": 1}}),
        ({"claims": {"a@b.example": 1, "c@d.example": 2}}, {"claims": {"[email]": 1, "[email] 2": 2}}),
        (
            {"claims": {"a@b.example": 1, "[email] 2": 2, "[email] 3": 3, "c@d.example": 4, "e@f.example": 5}},
            {"claims": {"[email]": 1, "[email] 2": 2, "[email] 3": 3, "[email] 4": 4, "[email] 5": 5}},
        ),
        ({"claims": {"call 555-867-5309": {"note": TEXT}}}, {"claims": {"call [phone]": {"note": CLEAN}}}),
        (
            {"headers": {"Authorization": "Basic x", "Set-Cookie": "x", "X-Api-Key": "x", "Accept": "text/html"}},
            {
                "headers": {
                    "Authorization": "[secret]",
                    "Set-Cookie": "[secret]",
                    "X-Api-Key": "[secret]",
                    "Accept": "text/html",
                }
            },
        ),
        (
            {"given": {"clientSecret": "x", "accessToken": ["x"]}},
            {"given": {"clientSecret": "[secret]", "accessToken": "[secret]"}},
        ),
        ({"sql": "UPDATE people SET email = 'ines@alderpeak.example'"}, {"sql": "UPDATE people SET email = [email]'"}),
    ],
)
def test_it_keeps_names_redacts_texts_and_masks_secrets(given, kept):
    assert of_change(given) == kept


@pytest.mark.parametrize("name", sorted({line.field for line in fields_of(DataClass.SECRETS)} - NAMES))
def test_it_masks_what_is_a_secret_in_any_table(name):
    assert of_change({name: "x"}) == {name: "[secret]"}
    assert of_request({name: "x"}) == {name: "[secret]"}


@pytest.mark.django_db
def test_an_event_holds_and_commits_to_the_redacted_texts():
    place = make_place()
    actor = replace(place.actor(), origin=Origin(user_agent=TEXT))
    target = Target("group", place.id, "ines@alderpeak.example")
    with tenant(place.id):
        made = recorder.record(
            actor, Tag.GROUP_RENAMED, target=target, before={"secret": "x"}, after={"name": TEXT}, reason=TEXT
        )
        event = AuditEvent.objects.get(pk=made.pk)
        assert event.detail_matches()
        assert event.hash == event.computed_hash() == made.hash
        salt = event.detail.pop("salt")
    assert len(bytes.fromhex(salt)) == 32
    assert event.detail == {
        "actor": actor.label,
        "target": "ines@alderpeak.example",
        "user_agent": CLEAN,
        "before": {"secret": "[secret]"},
        "after": {"name": CLEAN},
        "reason": CLEAN,
    }


@pytest.mark.django_db
def test_a_line_of_the_access_log_holds_them_too():
    place = make_place()
    recorder.record_access(
        organization_id=place.id,
        actor=place.actor(),
        origin=Origin(user_agent=TEXT, request_id="req_kept"),
        verb="GET",
        route="x",
        status=200,
        milliseconds=1,
        detail={"path": "claims/555-867-5309.pdf", "q": TEXT},
    )
    with tenant(place.id):
        line = AccessEntry.objects.get(request_id="req_kept")
        assert line.detail_matches()
        assert (line.detail["user_agent"], line.detail["q"]) == (CLEAN, CLEAN)
        assert line.detail["path"] == "claims/555-867-5309.pdf"


@pytest.mark.django_db
def test_an_accounts_own_log_holds_them_too():
    recorder.record_person(PersonTag.FACTOR_USED, person_id=None, origin=Origin(user_agent=TEXT))
    assert PersonEvent.objects.latest("pk").user_agent == CLEAN
