"""What tests of sealed columns begin with."""

import pytest
from django.apps import apps

from hq.db import sealing
from hq.lib.ids import new_id
from tests.database import as_superuser
from tests.db.sealed_notes import CREATE, DROP, SECRET, Note, OpenSource


@pytest.fixture(scope="module")
def tables(django_db_setup):
    """Made by the administrator: the running role may make none."""
    with as_superuser() as admin:
        admin.execute(CREATE)
    yield
    with as_superuser() as admin:
        admin.execute(DROP)


@pytest.fixture(params=[True, False], ids=["short", "long"])
def source(request, tables):
    """Each test runs twice: by the short way through the fields, and by the long one."""
    former, mine = sealing.key_source(), OpenSource(remembers=request.param)
    mine.forget()
    sealing.register_key_source(mine)
    yield mine
    sealing.register_key_source(former)
    mine.forget()


@pytest.fixture
def org():
    return new_id()


@pytest.fixture
def note(org):
    return Note.objects.create(organization_id=org, text=SECRET, other="second", document={"a": [1]})


@pytest.fixture
def registered(monkeypatch):
    """Unpickling finds a model by its name."""
    monkeypatch.setitem(apps.all_models["db"], "note", Note)
