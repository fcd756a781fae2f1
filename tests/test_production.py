"""What production refuses to start with, and what settings read from the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from hq import env, links

ROOT = Path(__file__).resolve().parent.parent
SECRET = "x" * 50


@pytest.fixture
def production(tmp_path):
    """The environment of a deployment that may start."""
    files = {}
    for name in ("HQ_SECRET_KEY", "HQ_API_KEY_PEPPER", "HQ_ROOT_KEY"):
        path = tmp_path / name.lower()
        path.touch(mode=0o600)
        path.write_text(SECRET)
        files[f"{name}_FILE"] = str(path)
    return files | {
        "PATH": os.environ["PATH"],
        "HQ_ENV": "production",
        "HQ_BASE_URL": "https://hq.example.org",
        "HQ_DATABASE_URL": "postgresql://db.example.org/hq?sslmode=verify-full",
        "HQ_REDIS_URL": "rediss://valkey.example.org/0",
        "HQ_MAIL_URL": "smtps://mail.example.org",
        "HQ_DATA_DIR": str(tmp_path),
    }


def start(environment):
    """Import the settings as a new process does; what it said on failing, or ''."""
    done = subprocess.run(
        [sys.executable, "-c", "import hq.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def test_it_starts_with_secrets_of_its_own_and_encrypted_links(production):
    assert start(production) == ""


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "ap-southeast-5"])
def test_it_starts_with_keys_in_aws_kms(production, region):
    endpoint = "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com"
    named = {"HQ_KEY_PROVIDER": "kms", "HQ_REGION": region}
    assert start(production | named) == ""
    assert (
        start(production | named | {"HQ_REGION": "berlin", "HQ_KMS_REGION": region, "HQ_KMS_ENDPOINT": endpoint}) == ""
    )


def test_it_starts_with_files_in_s3(production):
    named = {"HQ_STORE": "s3", "HQ_REGION": "eu-central-1", "HQ_BACKUP_REGION": "eu-west-1"}
    assert start(production | named) == ""
    assert start(production | named | {"HQ_S3_ENDPOINT": "https://s3.eu-central-1.amazonaws.com"}) == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"HQ_DEBUG": "true"}, "HQ_DEBUG must be off"),
        ({"HQ_BASE_URL": "http://hq.example.org"}, "must begin with https"),
        ({"HQ_DATABASE_URL": "postgresql://db.example.org/hq"}, "HQ_DATABASE_URL is not encrypted"),
        ({"HQ_DATABASE_URL": "postgresql://db.example.org/hq?sslmode=require"}, "HQ_DATABASE_URL is not encrypted"),
        ({"HQ_REDIS_URL": "redis://valkey.example.org/0"}, "HQ_REDIS_URL is not encrypted"),
        ({"HQ_SECRET_KEY_FILE": None}, "HQ_SECRET_KEY"),
        ({"HQ_API_KEY_PEPPER_FILE": None}, "HQ_API_KEY_PEPPER"),
        ({"HQ_SECRET_KEY_FILE": "/nonexistent"}, "cannot be read"),
        ({"HQ_DEBUG": "perhaps"}, "true or false"),
        ({"HQ_TRUSTED_PROXIES": "many"}, "whole number"),
        ({"HQ_KEY_PROVIDER": "vault"}, "HQ_KEY_PROVIDER must be embedded or kms"),
        ({"HQ_KEY_PROVIDER": "kms"}, "HQ_KMS_REGION is not a region of AWS"),
        ({"HQ_KMS_ENDPOINT": "http://kms.internal"}, "HQ_KMS_ENDPOINT must begin with https"),
        ({"HQ_STORE": "azure"}, "HQ_STORE must be embedded or s3"),
        ({"HQ_STORE": "s3"}, "HQ_REGION is not a region of AWS"),
        ({"HQ_STORE": "s3", "HQ_REGION": "berlin"}, "HQ_REGION is not a region of AWS"),
        ({"HQ_S3_ENDPOINT": "http://s3.internal"}, "HQ_S3_ENDPOINT must begin with https"),
        ({"HQ_STS_ENDPOINT": "http://sts.internal"}, "HQ_STS_ENDPOINT must begin with https"),
        ({"HQ_BACKUP_REGION": "elsewhere"}, "HQ_BACKUP_REGION is not a region of AWS"),
        ({"HQ_LIMIT_IP": "many"}, "HQ_LIMIT_IP must be a rate like 6000/m"),
        ({"HQ_SERVICE_KEYS": f"k1:{SECRET[:31]}"}, "HQ_SERVICE_KEYS has a secret of less than 32 bytes"),
        ({"HQ_SERVICE_KEYS": f"k1:development-{SECRET}"}, "HQ_SERVICE_KEYS is a development secret"),
    ],
)
def test_it_refuses_to_start_and_says_why(production, change, sentence):
    environment = {name: value for name, value in (production | change).items() if value is not None}
    assert sentence in start(environment)


def test_it_refuses_a_development_secret(production):
    Path(production["HQ_SECRET_KEY_FILE"]).write_text("development-" + SECRET)
    assert "development secret" in start(production)


def test_it_refuses_a_short_secret(production):
    Path(production["HQ_API_KEY_PEPPER_FILE"]).write_text("short")
    assert "shorter than 32" in start(production)


@pytest.mark.parametrize("name", ["HQ_SECRET_KEY_FILE", "HQ_API_KEY_PEPPER_FILE", "HQ_ROOT_KEY_FILE"])
def test_it_refuses_a_key_file_that_others_can_read(production, name):
    Path(production[name]).chmod(0o640)
    assert f"{name} can be read by others" in start(production)


def test_keys_of_services_come_from_a_file_that_only_hq_can_read(production, tmp_path):
    path = tmp_path / "services"
    path.touch(mode=0o600)
    path.write_text(f"k2:{SECRET} k1:{SECRET}")
    named = production | {"HQ_SERVICE_KEYS_FILE": str(path)}
    assert start(named) == ""
    path.chmod(0o640)
    assert "HQ_SERVICE_KEYS_FILE can be read by others" in start(named)


@pytest.mark.parametrize("text", ["6000/m", "1/s", "999999999/d"])
def test_a_rate_is_so_many_in_a_second_a_minute_an_hour_or_a_day(monkeypatch, text):
    seconds = {"s": 1, "m": 60, "d": 86_400}[text[-1]]
    monkeypatch.setenv("HQ_LIMIT_IP", text)
    assert env.rate("HQ_LIMIT_IP", "1/s") == (int(text[:-2]), seconds)


@pytest.mark.parametrize("text", ["", "0/m", "6000", "6000/w", "-1/m", "1000001/s", "1.5/s", "6000/m ", "\u0663/m"])
def test_what_is_no_rate_is_refused(monkeypatch, text):
    monkeypatch.setenv("HQ_LIMIT_IP", text)
    with pytest.raises(ImproperlyConfigured, match="HQ_LIMIT_IP must be a rate like 6000/m"):
        env.rate("HQ_LIMIT_IP", "1/s")


def test_named_secrets_keep_their_order(monkeypatch):
    monkeypatch.setenv("HQ_SERVICE_KEYS", f" k2:{SECRET}:x\n k1:{SECRET} ")
    assert list(env.named_secrets("HQ_SERVICE_KEYS").items()) == [
        ("k2", f"{SECRET}:x".encode()),
        ("k1", SECRET.encode()),
    ]


@pytest.mark.parametrize(
    "text", [SECRET, f":{SECRET}", f"k.1:{SECRET}", f"k1:{SECRET} k1:{SECRET}", f"{'k' * 33}:{SECRET}"]
)
def test_secrets_without_a_name_of_their_own_are_refused_and_not_told(monkeypatch, text):
    monkeypatch.setenv("HQ_SERVICE_KEYS", text)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.named_secrets("HQ_SERVICE_KEYS")
    assert SECRET not in str(refused.value)


def test_a_plain_link_may_be_declared(production):
    declared = {
        "HQ_DATABASE_URL": "postgresql://db.internal/hq",
        "HQ_PLAINTEXT_DATABASE": "true",
        "HQ_REDIS_URL": "redis://valkey.internal/0",
        "HQ_PLAINTEXT_REDIS": "true",
    }
    assert start(production | declared) == ""


def test_an_unknown_environment_name_counts_as_production(production):
    assert "HQ_SECRET_KEY" in start({"PATH": os.environ["PATH"], "HQ_ENV": "staging"})


def test_a_database_link_takes_the_role_it_is_told():
    found = links.database("postgresql://admin:s%40crt@db:5433/hq?sslmode=verify-full", role="hq_app", pool=False)
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("hq_app", "s@crt", "db", "5433")
    assert found["OPTIONS"] == {"sslmode": "verify-full", "prepare_threshold": None}


def test_another_kind_of_database_is_refused():
    with pytest.raises(ImproperlyConfigured):
        links.database("sqlite:///x", role="hq_app", pool=False)


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("rediss://valkey/0", "rediss://valkey/0"),
    ],
)
def test_celery_gets_its_own_spelling(url, spelt):
    assert links.broker(url) == spelt


def test_a_value_may_stand_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("value\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "secret"))
    assert env.text("X") == "value"
