"""What holds for every test. The services and the databases are in tests.database."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from whitenoise.base import WhiteNoise

from tests import chromium
from tests.database import HOME, django_db_setup
from tests.serving import address

__all__ = ["address", "django_db_setup"]

CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
# By the name of the mark of the tests that need it: the program, and what is left out without it.
PROGRAMS = {
    "age": (
        "age",
        "The program age is not installed, so the tests that open exports with it are left out: apt install age.",
    ),
    "poppler": (
        "pdfsig",
        "The program pdfsig is not installed, so tests that read PDFs are left out: apt install poppler-utils.",
    ),
}
NOT_RUN = ("skipped", "xfailed", "xpassed")
# Neither says anything of HQ: how long an example takes is the machine's.
settings.register_profile("hq", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hq")


def pytest_configure(config: pytest.Config) -> None:
    if HOME not in os.environ:
        raise pytest.UsageError(
            "Use bin/test, or `python -m pytest -p tests.database`: the tests need services of their own."
        )
    if CI and chromium.find() is None:
        raise pytest.UsageError(chromium.ABSENT)
    for said in absent_programs().values():
        if CI:
            raise pytest.UsageError(said)


def absent_programs() -> dict[str, str]:
    """Marks whose program is not there, and what to say of it."""
    return {mark: said for mark, (program, said) in PROGRAMS.items() if shutil.which(program) is None}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a browser or a program, its tests are left out, said aloud at the end: a skip would go unread."""
    absent = [*([] if chromium.find() else ["browser"]), *absent_programs()]
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in absent)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    from tenants.actions.key_use import uses  # as what follows, it needs settings
    from tests.operators import forget_operators

    forget_operators()
    uses.forget()  # or its thread would put down later what the database has no more


@pytest.fixture(scope="session", autouse=True)
def _static_files_found_once() -> Iterator[None]:
    """Each test client makes the middleware anew. WhiteNoise looked at every static file then: half of a sign-in."""
    look, known = WhiteNoise.update_files_dictionary, dict[tuple[str, str], dict[str, Any]]()

    def found(self: WhiteNoise, root: str, prefix: str) -> None:
        if (root, prefix) not in known:
            look(self, root, prefix)
            known[root, prefix] = self.files
        self.files = self.files | known[root, prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", found)
        yield


def not_run(config: pytest.Config) -> int:
    """How many tests did not really run."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return sum(len(reporter.stats.get(outcome, [])) for outcome in NOT_RUN) if reporter else 0


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if CI and not hasattr(session.config, "workerinput") and session.exitstatus == 0 and not_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if chromium.find() is None:
        terminalreporter.write_line(chromium.ABSENT, red=True, bold=True)
    for said in absent_programs().values():
        terminalreporter.write_line(said, red=True, bold=True)
    if CI and (count := not_run(config)):
        terminalreporter.write_line(
            f"{count} tests were skipped or expected to fail; in CI every test has to run.", red=True, bold=True
        )
