"""The data map as a page, over /v1 and on the terminal; and no answer gives away what it calls a secret (VLT-12)."""

import base64
import json
import re
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from rest_framework import serializers

from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.classes import DataClass, Declared, Held, data_map, fields_of
from hq.lib.errors import Denied
from hq.web.api import Input
from keys import selectors
from keys.serializers import ClassBody, DataMapBody, StoredBody, data_map_body
from tenants.models import Environment
from tests.database import as_superuser
from tests.factories import make_api_key, make_member, make_place, sign_in
from tests.keys.conftest import provisioner, reader
from tests.matrix import PAGES, PLACE, V1
from tests.routes import every_route
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
# Members of answers that are called like a secret column: shown once and never again, or no secret here.
NO_SECRET = {
    ("EventBody", "hash"): "a link of the chain; anybody may check it",
    ("MadeLinkBody", "token"): "shown once: only its digest is kept",
    ("MadeShareBody", "token"): "shown once: only its digest is kept",
    ("ShareBody", "password"): "whether there is one",
    ("ShareLifeBody", "password"): "whether there is one",
}


# The only value of a secret column that anybody is shown: by it sender and recipient see that they have the same link.
SHOWN = {("sharing_sharelink.nonce_digest", PLACE + "shares/<uuid:id>")}


@pytest.fixture
def place():
    return make_place("Alder Peak")


def page(place, query="", role=Role.AUDITOR):
    return sign_in(make_member(place, role)).get(f"/o/{place.slug}/live/keys/data-map{query}")


def cells(answer, scope='scope="row"'):
    text = answer.content.decode()
    return [
        re.sub(r"<[^>]+>", "", cell).strip()
        for cell in re.findall(rf"<th[^>]*{scope}[^>]*>(.*?)</th>", text, re.DOTALL)
    ]


# ---- the page


def test_the_page_shows_every_stored_field_and_the_five_classes(place):
    shown = Counter(cells(page(place)))
    assert shown.total() == len(data_map()) + len(DataClass)
    for line in data_map():
        assert line.field in shown
    text = page(place).content.decode()
    for each in DataClass:
        assert each.handling.title in text
        assert each.handling.meaning in text
    for table in {line.table for line in data_map()}:
        assert table in text


@pytest.mark.parametrize("data_class", DataClass)
def test_a_class_in_the_address_leaves_the_fields_of_that_class(place, data_class):
    answer = page(place, f"?class={data_class.value}")
    assert Counter(cells(answer)[1:]) == Counter(line.field for line in fields_of(data_class))


def test_it_says_under_which_key_a_field_is_sealed_and_why_another_is_not(place):
    text = page(place, "?room=vault").content.decode()
    assert "organization’s metadata key" in text
    assert "In the clear: Listed and searched by range" in text
    assert "deployment’s people key" in page(place, "?room=tenants").content.decode()


def test_a_part_that_stores_nothing_of_a_class_says_so(place):
    answer = page(place, "?class=local-only&room=vault")
    assert "Nothing of this class is stored here" in answer.content.decode()
    assert len(cells(answer)) == 1  # the class itself


@pytest.mark.parametrize("query", ["?class=private", "?class=SECRETS", "?room=nowhere", "?class=secrets%00"])
def test_what_is_no_class_and_no_part_is_refused(place, query):
    assert page(place, query).status_code == 400


def test_the_page_is_for_those_who_may_read_keys(place):
    assert page(place, role=Role.ADMIN).status_code == 200
    assert page(place, role=Role.DEVELOPER).status_code == 403


def test_the_map_asks_the_gate(org):
    assert selectors.get_data_map(reader(org)) == data_map()
    with pytest.raises(Denied):
        selectors.get_data_map(provisioner(org))


def test_a_new_field_is_in_the_map_by_itself(monkeypatch, place):
    """Nothing is listed twice: the page is made from the models."""
    monkeypatch.setattr(
        Environment,
        "data_classes",
        Declared(kept=Environment.data_classes.kept, metadata="name", operational="created_at"),
    )
    data_map.cache_clear()
    try:
        assert "name" in cells(page(place, "?class=customer-metadata&room=tenants"))[1:]
        assert ("tenants_environment", "name") in {(line.table, line.field) for line in fields_of(DataClass.METADATA)}
    finally:
        data_map.cache_clear()


# ---- /v1 and the terminal


def test_v1_answers_the_classes_with_their_handling_and_every_item(place):
    secret = make_api_key(place, scopes=frozenset({Permission.KEYS_READ}))
    answer = Client().get(f"/v1/environments/{place.live_id}/data-map", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    body = answer.json()
    assert [each["name"] for each in body["classes"]] == [each.value for each in DataClass]
    assert {each["name"]: each["items"] for each in body["classes"]} == {
        each.value: len(fields_of(each)) for each in DataClass
    }
    assert body["next_cursor"] is None
    items = {(item["table"], item["field"]): item for item in body["items"]}
    assert len(items) == len(data_map())
    assert items["vault_objectversion", "sha256"] == {
        "room": "vault",
        "table": "vault_objectversion",
        "field": "sha256",
        "class": "customer-metadata",
        "type": "bytea",
        "held": "sealed",
        "encrypted_under": "metadata",
        "key_of": "organization",
        "why_plain": None,
        "logged": False,
        "exported": True,
        "kept": "As long as the organization",
        "erasure": "deleted",
    }
    assert items["vault_storedobject", "path"]["why_plain"] == "Listed and searched by range"
    assert items["object store", "objects"]["class"] == "customer-content"


def test_the_documented_answer_has_the_members_of_the_real_one():
    real = data_map_body(data_map())
    assert set(real) == set(DataMapBody().fields)
    assert set(real["classes"][0]) == set(ClassBody().fields)
    assert set(real["items"][0]) == set(StoredBody().fields)


def told(*arguments):
    out = StringIO()
    call_command("data_map", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_line_for_each_field():
    head, *lines = told().splitlines()
    assert head.split() == ["FIELD", "CLASS", "TYPE", "STANDS", "ON", "ERASURE"]
    assert len(lines) == len(data_map())
    assert len(told("--class", "secrets").splitlines()) == 1 + len(fields_of(DataClass.SECRETS))


def test_the_command_prints_what_v1_answers(place):
    secret = make_api_key(place, scopes=frozenset({Permission.KEYS_READ}))
    answer = Client().get(f"/v1/environments/{place.live_id}/data-map", headers={"authorization": f"Bearer {secret}"})
    assert json.loads(told("--json")) == answer.json()


def test_the_command_knows_no_other_class():
    with pytest.raises(CommandError, match="invalid choice"):
        told("--class", "private")


# ---- no answer gives away what the map calls a secret


def bodies(kind=serializers.Serializer):
    for each in kind.__subclasses__():
        yield each
        yield from bodies(each)


def test_no_answer_of_v1_has_a_member_that_is_a_secret_where_it_is_stored():
    assert every_route()  # loads every api module
    secret = {line.field for line in fields_of(DataClass.SECRETS)}
    exposed = {
        (body.__name__, name)
        for body in bodies()
        if not issubclass(body, Input)
        and body.__module__.split(".")[0] in {"tenants", "sharing", "artifacts", "vault", "audit", "keys", "jobs"}
        for name, field in body().fields.items()
        if {name, field.source} & secret
    }
    assert exposed == set(NO_SECRET)


def secret_values():
    """Every value of every column that is a secret, as it stands in the database."""
    with as_superuser() as admin:
        for line in fields_of(DataClass.SECRETS):
            if line.held in {Held.HOLDER, Held.NEVER} or line.room == "outside":
                continue
            for (value,) in admin.execute(
                f'SELECT DISTINCT "{line.field}" FROM "{line.table}" WHERE "{line.field}" IS NOT NULL'
            ):
                if value:  # where there may be none, none is no secret
                    yield f"{line.table}.{line.field}", value


def as_text(value):
    if isinstance(value, str):
        return {value}
    data = bytes(value)
    return {
        data.hex(),
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
    }


def test_no_page_and_no_answer_holds_the_value_of_a_secret_column():
    world = World()
    owner = sign_in(world.place.owner)
    answers = {pattern: owner.get(world.url(pattern), PAGES[pattern][1]) for pattern in PAGES}
    answers |= {act.route: world.act(act) for act in V1 if act.method == "GET"}
    read = {name: answer.content.decode(errors="replace") for name, answer in answers.items() if not answer.streaming}
    assert len(read) > 30
    values = list(secret_values())
    assert {"tenants_apikey.hash", "sharing_sharelink.nonce_digest", "keys_datakey.wrapped"} <= {
        name for name, _ in values
    }
    shown = {
        (name, where)
        for name, value in values
        for text in as_text(value)
        for where, page in read.items()
        if text in page
    }
    assert shown == SHOWN
