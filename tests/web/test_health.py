"""/healthz and /readyz, for whoever watches from outside."""

import pytest
from django.core.cache import cache
from django.db import OperationalError
from redis.exceptions import ConnectionError as NotConnected

from hq.web import health

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["10.0.0.5", "localhost:1", "hq.example.org"])
def test_a_probe_need_not_know_our_name(client, settings, path, host):
    settings.ALLOWED_HOSTS = ["hq.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers={"host": host}).status_code == 200


def test_readiness_names_what_cannot_be_reached(client, monkeypatch):
    def away(*_args, **_more):
        raise NotConnected

    monkeypatch.setattr(cache, "get", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "valkey": "unreachable"})


def test_readiness_survives_a_database_that_is_away(client, monkeypatch):
    class Away:
        def cursor(self):
            raise OperationalError

    monkeypatch.setattr(health, "connection", Away())
    assert client.get("/readyz").json()["database"] == "unreachable"
    assert client.get("/healthz").status_code == 200


def test_nothing_below_them_is_an_address(client):
    assert client.get("/healthz/").status_code == 404
