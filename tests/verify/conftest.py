from typing import Any

import pytest

from hq.crypto.signatures import BadSignature, verify
from tests.verify.program import VERIFY
from tests.verify.samples import KID, PUBLIC


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The right key. Ed25519 is asked of the library: a process for each of thousands would take minutes."""

    def accepts(public: bytes, message: bytes, signature: bytes) -> bool:
        try:
            verify(public, message, signature)
        except BadSignature:
            return False
        return True

    monkeypatch.setattr(VERIFY, "openssl_accepts", accepts)
    found = VERIFY.Trust({KID})
    found.keys = [(None, PUBLIC)]
    return found
