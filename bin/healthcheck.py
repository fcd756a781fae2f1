"""Exits 0 when the process beside it answers: web, or by HQ_HEALTH_PORT the edge or the live one.

It asks under HQ's own name, as it answers to no other.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

PORT = int(os.environ.get("HQ_HEALTH_PORT", "8000"))
SECONDS = 4


def healthy() -> bool:
    """True on a 200. The answer says nothing about the database: restarting the web process would not mend that."""
    link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=SECONDS)
    try:
        link.request(
            "GET", "/healthz", headers={"Host": urlsplit(os.environ.get("HQ_BASE_URL", "")).netloc or "localhost"}
        )
        return link.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


if __name__ == "__main__":
    sys.exit(0 if healthy() else 1)
