"""docs/service-calls.md is followed against a served HQ, and its vectors are what HQ makes and believes."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from hq.authz.roles import Role
from hq.crypto.user_tokens import mint, verify
from tests.factories import make_member, make_place

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "service-calls.md").read_text()
SECRET = "correct horse battery staple, 32 bytes or more"
VECTOR = re.compile(r"^\| `([A-Z]+) (\S+)` \| (?:none|`(.*?)`) \| `(\S+)` \|$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def run(command: list[str], script: str, environment: dict[str, str]) -> str:
    done = subprocess.run([*command, script], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.django_db(transaction=True)
def test_both_recipes_work_as_they_stand(address, settings):
    settings.SERVICE_KEYS = {"k2": SECRET.encode()}
    place = make_place()
    member = make_member(place, Role.DEVELOPER)
    given = {"HQ": address, "ENVIRONMENT": str(place.live_id), "USER_ID": str(member.pk), "SERVICE_KEY": f"k2:{SECRET}"}
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | given
    python, shell = "\n".join(blocks("python")), blocks("sh")[0]
    run([sys.executable, "-c"], python, environment)
    listed = json.loads(run(["bash", "-euo", "pipefail", "-c"], shell, environment))
    assert [item["path"] for item in listed["items"]] == ["reports/Q3 ä.csv"]


def test_its_vectors_are_what_hq_makes_and_believes():
    vectors = VECTOR.findall(TEXT)
    assert [vector[0] for vector in vectors] == ["GET", "PUT", "POST"]
    for method, target, body, token in vectors:
        _, key_id, user_id, at, token_id, _ = token.split(".")
        request = {
            "audience": "https://hq.example.org",
            "method": method,
            "target": target,
            "body_sha256": sha256(body.encode()).hexdigest(),
        }
        made = mint(SECRET.encode(), key_id=key_id, user_id=UUID(user_id), at=int(at), token_id=token_id, **request)
        assert made == token
        assert verify(token, {key_id: SECRET.encode()}, at=int(at), **request).user_id == UUID(user_id)
