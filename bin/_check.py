"""bin/check, once everything is installed: every check that needs no service. All run; the worst code is returned."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
NO_SERVICES = {
    "HQ_ENV": "development",
    "HQ_DATABASE_URL": "postgresql:///hq?host=/nonexistent",
    "HQ_REDIS_URL": "unix:///nonexistent?db=0",
}


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def checks(folder: Path) -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command line, environment."""
    manage = str(ROOT / "manage.py")
    # makemigrations looks for the applied ones and warns when there is no server to ask.
    migrations = python(
        "-W",
        "ignore:Got an error checking a consistent migration history",
        manage,
        "makemigrations",
        "--check",
        "--dry-run",
    )
    # lint-imports has no module to run by name, and a script names the folder that it was installed in.
    imports = python(
        "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache", "--no-logo"
    )
    found = [
        ("format", python("-m", "ruff", "format", "--check", "--quiet", "."), {}),
        ("lint", python("-m", "ruff", "check", "--quiet", "."), {}),
        ("types", python("-m", "mypy", "."), NO_SERVICES),
        ("imports", imports, NO_SERVICES | {"PYTHONPATH": str(ROOT)}),
        ("migrations", migrations, NO_SERVICES),
        ("deployment", python(manage, "check", "--deploy", "--fail-level", "WARNING"), production(folder)),
    ]
    if TEMPLATES.is_dir():
        found.append(("template lint", python("-m", "djlint", "--lint", "--quiet", str(TEMPLATES)), {}))
    return found


def production(folder: Path) -> dict[str, str]:
    """Settings as on a real server, with secrets that protect nothing."""
    environment = {
        "HQ_ENV": "production",
        "HQ_BASE_URL": "https://hq.example.org",
        "HQ_DATABASE_URL": "postgresql://db.example.org/hq?sslmode=verify-full",
        "HQ_REDIS_URL": "rediss://valkey.example.org/0",
        "HQ_MAIL_URL": "smtps://mail.example.org",
        "HQ_DATA_DIR": str(folder),
    }
    for name in ("HQ_SECRET_KEY", "HQ_API_KEY_PEPPER", "HQ_ROOT_KEY"):
        path = folder / name.lower()
        path.touch(mode=0o600)
        path.write_text(os.urandom(48).hex() if name != "HQ_ROOT_KEY" else "A" * 43 + "=")
        environment[f"{name}_FILE"] = str(path)
    return environment


def main() -> int:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HQ_")}
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, command, environment in checks(Path(folder)):
            started = time.monotonic()
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=own | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            print(f"{'FAILED' if done.returncode else 'ok':<7}{name} ({time.monotonic() - started:.1f} s)", flush=True)
            if done.returncode:
                print(done.stdout, flush=True)
                worst = max(worst, abs(done.returncode))
    return worst


if __name__ == "__main__":
    sys.exit(main())
