"""Identity providers as fixtures: a conftest that wants them imports them and names them in its `__all__`."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
import requests

from tests.idp.loopback import Application, served
from tests.idp.oidc import Provider
from tests.idp.workos import WorkOS


@dataclass(frozen=True)
class HonestProvider:
    """Somebody else's OpenID provider: any client may use it, and it demands a nonce. It looks at no PKCE."""

    address: str

    def person(self, sub: str, **claims: Any) -> None:
        """What it says of a person from now on."""
        requests.put(f"{self.address}/users/{sub}", json=claims, timeout=10).raise_for_status()

    def authorize(self, url: str, sub: str) -> str:
        """The browser's part: the person fills the form in and is sent back.

        Raises:
            AssertionError: the provider shows an error instead.
        """
        assert url.startswith(f"{self.address}/"), url
        answer = requests.post(url, data={"sub": sub}, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, f"{answer.status_code}: {answer.text}"
        return answer.headers["Location"]


def _calm(application: Application) -> Application:
    """Its warnings are its own: it stands on parts of Authlib that go away. Ours stay errors."""

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return application(environ, start)

    return answer


@pytest.fixture
def honest_provider() -> Iterator[HonestProvider]:
    with warnings.catch_warnings():
        import_module("authlib.deprecate")  # makes its warnings shown, so it comes before they are hidden
        warnings.simplefilter("ignore")
        debugged = import_module("oidc_provider_mock").app(require_nonce=True).wsgi_app
    with served(_calm(debugged.app)) as address:  # without the console that runs whatever is typed into it
        yield HonestProvider(address)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider.running() as running:
        yield running


@pytest.fixture
def other_provider() -> Iterator[Provider]:
    """A second one, which belongs to somebody else."""
    with Provider.running() as running:
        yield running


@pytest.fixture
def workos() -> Iterator[WorkOS]:
    with WorkOS.running() as running:
        yield running
