"""How a receiver checks a delivery: lines to copy. Tests run each of them on what was really sent."""

PYTHON = '''\
import os

from standardwebhooks import Webhook  # pip install standardwebhooks

webhook = Webhook(os.environ["HQ_WEBHOOK_SECRET"])


def receive(body: bytes, headers: dict[str, str]) -> dict:
    """The event. Raises WebhookVerificationError: answer 401 then, and do nothing."""
    return webhook.verify(body, headers)
'''

JAVASCRIPT = """\
import { Webhook } from "standardwebhooks"; // npm install standardwebhooks

const webhook = new Webhook(process.env.HQ_WEBHOOK_SECRET);

/** The event. Throws WebhookVerificationError: answer 401 then, and do nothing. */
export const receive = (body, headers) => webhook.verify(body, headers);
"""

PUBLIC_KEY = '''\
import base64
import os
import time

from cryptography.exceptions import InvalidSignature  # pip install cryptography
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

text = os.environ["HQ_WEBHOOK_PUBLIC_KEY"].removeprefix("whpk_")
key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text))


def is_genuine(body: bytes, headers: dict[str, str]) -> bool:
    """Whether HQ signed it in the last five minutes."""
    sent_at = headers["webhook-timestamp"]
    content = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    pairs = [each.split(",", 1) for each in headers["webhook-signature"].split()]
    signatures = [base64.b64decode(text) for version, text in pairs if version == "v1a"]
    return abs(time.time() - int(sent_at)) <= 300 and any(verifies(each, content) for each in signatures)


def verifies(signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
'''

TABS = [
    ("python", "Python", "With the official library, by the secret.", PYTHON),
    ("javascript", "JavaScript", "With the official library, by the secret.", JAVASCRIPT),
    ("ed25519", "Public key", "For a receiver that should not be able to sign: Python, by the public key.", PUBLIC_KEY),
]


def by_hand(message_id: str, timestamp: int, body_file: str) -> str:
    """Lines for a shell that print what has to stand behind `v1,` of one delivery."""
    return f"""\
key=$(printf %s "${{HQ_WEBHOOK_SECRET#whsec_}}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')
{{ printf %s '{message_id}.{timestamp}.'; cat {body_file}; }} |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A
"""
