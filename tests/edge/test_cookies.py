"""The cookies of the edge are CloudFront's: what OpenSSL says of them, what forging gives, when they end."""

import base64
import json
import re
import subprocess
from pathlib import Path
from time import time
from typing import Any

import pytest
from django.core.management import call_command

from artifacts import actions
from artifacts.actions import cookie_keys
from artifacts.actions.artifacts import Access
from edge import cookies, published
from hq.db.context import tenant
from tests.artifacts.conftest import PASSWORD
from tests.edge.asking import HOST, Got, ask
from tests.edge.test_door import enter, publish
from tests.factories import Place

POLICY, SIGNATURE, KEY, HASH = NAMES = (
    "CloudFront-Policy",
    "CloudFront-Signature",
    "CloudFront-Key-Pair-Id",
    "CloudFront-Hash-Algorithm",
)


@pytest.fixture(autouse=True)
def _keys_are_read_anew():
    cookie_keys.keys.cache_clear()
    yield
    cookie_keys.keys.cache_clear()


def values(got: Got) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in got.cookie.split("; "))


def status(label: str, sent: dict[str, str]) -> int:
    return ask(label, cookie="; ".join(f"{name}={value}" for name, value in sent.items())).status


def plain(text: str) -> bytes:
    """CloudFront's base64, as its documentation says: three signs stand for three others."""
    return base64.b64decode(text.replace("-", "+").replace("_", "=").replace("~", "/"), validate=True)


def coded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().replace("+", "-").replace("=", "_").replace("/", "~")


def test_openssl_checks_them_with_the_key_that_a_key_group_gets(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = publish(place, "password")
    given = values(enter(site, PASSWORD))
    assert set(given) == set(NAMES)
    call_command("edge_key")
    said = capsys.readouterr().out
    pem = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n", said, re.DOTALL)
    assert pem is not None
    assert f"as {given[KEY]}: signs" in said
    for name, content in (("key", pem[0].encode()), ("policy", plain(given[POLICY])), ("sig", plain(given[SIGNATURE]))):
        (tmp_path / name).write_bytes(content)

    def openssl(*words: str) -> str:
        done = subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    check = ("dgst", "-sha256", "-verify", "key", "-signature", "sig", "policy")
    assert "Verified OK" in openssl(*check)
    assert "prime256v1" in openssl("pkey", "-pubin", "-in", "key", "-text", "-noout")
    (tmp_path / "policy").write_bytes(plain(given[POLICY]).replace(b"/*", b"/x"))
    assert "Verified OK" not in openssl(*check)


def test_their_policy_is_one_statement_about_one_host_and_two_times(place: Place) -> None:
    site = publish(place, "password")
    given = values(enter(site, PASSWORD))
    raw = plain(given[POLICY])
    [statement] = json.loads(raw)["Statement"]
    assert statement["Resource"] == f"http://{site.label}.{HOST}/*"
    began = statement["Condition"]["DateGreaterThan"]["AWS:EpochTime"]
    assert statement["Condition"] == {
        "DateLessThan": {"AWS:EpochTime": began + 3600},
        "DateGreaterThan": {"AWS:EpochTime": began},
    }
    assert not re.search(rb"\s", raw)
    assert given[HASH] == "SHA256"
    for name in (POLICY, SIGNATURE):
        assert re.fullmatch(r"[A-Za-z0-9~_-]+", given[name])


def test_they_are_of_one_host_and_of_no_script(place: Place) -> None:
    one, two = publish(place, "password"), publish(place, "password")
    got = enter(one, PASSWORD)
    for given in got.cookies:
        assert given.endswith("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax")
        assert "Domain" not in given
    assert (ask(one.label, cookie=got.cookie).status, ask(two.label, cookie=got.cookie).status) == (200, 403)


def test_forged_they_open_nothing(place: Place) -> None:
    site, other = publish(place, "password"), publish(place, "password")
    given, others = values(enter(site, PASSWORD)), values(enter(other, PASSWORD))
    assert status(site.label, given) == 200
    raw, signature = plain(given[POLICY]), plain(given[SIGNATURE])
    later = re.sub(rb'(DateLessThan":\{"AWS:EpochTime":)\d+', rb"\g<1>%d" % (time() + 3000), raw)
    for changed in (
        {POLICY: coded(later)},
        {POLICY: coded(raw.replace(b'"Statement"', b'"Statement" '))},
        {POLICY: coded(raw + b" ")},
        {POLICY: coded(raw.replace(b"http://", b"http?://"))},
        {POLICY: coded(plain(others[POLICY]).replace(other.label.encode(), b"*"))},
        {POLICY: given[POLICY].rstrip("_")} if given[POLICY].endswith("_") else {POLICY: given[POLICY] + "_"},
        {POLICY: others[POLICY]},
        {POLICY: others[POLICY], SIGNATURE: others[SIGNATURE]},
        {SIGNATURE: others[SIGNATURE]},
        {SIGNATURE: coded(signature[:-1] + bytes([signature[-1] ^ 1]))},
        {SIGNATURE: coded(signature + b"\0")},
        {SIGNATURE: ""},
        {KEY: "K2JCJMDEHXQW5F"},
        {HASH: "SHA1"},
        {HASH: ""},
    ):
        assert status(site.label, given | changed) == 403, changed
    for name in NAMES:
        assert status(site.label, {other: value for other, value in given.items() if other != name}) == 403, name
    assert status(site.label, given) == 200


def test_they_are_found_beside_what_a_sibling_planted(place: Place) -> None:
    site = publish(place, "password")
    cookie = enter(site, PASSWORD).cookie
    planted = "; ".join(f"{name}=planted" for name in NAMES)
    assert ask(site.label, cookie=f"a=b; {planted}; {cookie}").status == 200
    assert ask(site.label, cookie=f"{cookie}; {planted}").status == 200
    assert ask(site.label, cookie=cookie.replace("CloudFront-", "xCloudFront-")).status == 403


def test_they_count_for_an_hour_and_when_used_for_twelve(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    site = publish(place, "password")
    cookie, began = enter(site, PASSWORD).cookie, time()

    def later(hours: float, cookie: str) -> tuple[int, str]:
        monkeypatch.setattr(cookies, "time", lambda: began + hours * 3600)
        got = ask(site.label, cookie=cookie)
        return got.status, got.cookie if got.cookies else ""

    assert later(0.2, cookie) == (200, "")
    assert later(1.01, cookie) == (403, "")
    for half_hours in range(1, 24):
        code, fresh = later(half_hours * 0.5 + 0.02, cookie) if half_hours < 23 else (200, cookie)
        assert (code, bool(fresh)) == (200, True)
        cookie = fresh
    assert later(11.98, cookie)[0] == 200
    assert later(12.01, cookie) == (403, "")


def test_a_change_of_access_ends_them_and_who_comes_in_right_after_is_in(place: Place) -> None:
    site = publish(place, "password")
    cookie = enter(site, PASSWORD).cookie
    for password in ("another one", "a third one"):
        with tenant(place.id):
            actions.change_artifact(actor=place.actor(), artifact_id=site.id, access=Access("password", password))
        published.SITES.forget()
        assert ask(site.label, cookie=cookie).status == 403
    fresh = enter(site, "a third one").cookie
    assert ask(site.label, cookie=fresh).status == 200


def test_a_key_that_was_is_still_known_and_the_next_one_signs(place: Place, settings: Any) -> None:
    site = publish(place, "password")
    former = enter(site, PASSWORD)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = (
        [settings.SECRET_KEY],
        "another secret of forty characters or so",
    )
    cookie_keys.keys.cache_clear()
    [(name, key), _] = cookie_keys.keys()
    settings.EDGE_KEY_IDS = [f"{key.thumbprint}=K2JCJMDEHXQW5F"]
    cookie_keys.keys.cache_clear()
    assert ask(site.label, cookie=former.cookie).status == 200
    fresh = values(enter(site, PASSWORD))
    assert (fresh[KEY], name) == ("K2JCJMDEHXQW5F", f"HQ{key.thumbprint.upper()}")
    assert status(site.label, fresh) == 200
    settings.SECRET_KEY_FALLBACKS = []
    cookie_keys.keys.cache_clear()
    cookies._signed_already.clear()
    assert ask(site.label, cookie=former.cookie).status == 403
    assert status(site.label, fresh) == 200
