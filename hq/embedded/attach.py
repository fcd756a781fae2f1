"""What bin/manage does: run manage.py against an instance, starting its services when nobody has."""

import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any, Never

from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout
from hq.embedded.locks import Lock
from hq.embedded.process import POLL
from hq.embedded.programs import KEYS, MANAGE
from hq.embedded.services import Services

WAITING_SECONDS = 120  # for another command that is still starting the services
QUIETLY = ("--skip-checks", "--verbosity", "0")  # what the command prints must stand alone
# Everything else runs with the rights of the application.
OWNERS_COMMANDS = {"migrate", "promote_operator", "demote_operator", "make_months"}


def main(arguments: list[str]) -> int:
    """The exit code of the command; does not return when the services were already there."""
    try:
        layout = Layout.from_environment()
        layout.prepare()
        if layout.database_url and layout.redis_url:
            _become(layout, arguments)
        return _with_services(layout, arguments)
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _with_services(layout: Layout, arguments: list[str]) -> int:
    users = Lock.on(layout, "users")
    users.take(shared=True)  # waits for one that is just stopping the services
    owner = Lock.on(layout, "owner")
    deadline = time.monotonic() + WAITING_SECONDS
    while not owner.try_take():
        if (note := owner.note()).get("ready"):
            os.set_inheritable(users.descriptor, True)  # held until the command has ended
            _become(layout, arguments, port=note.get("port"))
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{note.get('command', 'Another command')} did not make HQ ready within {WAITING_SECONDS} seconds."
            )
        time.sleep(POLL)
    owner.say(command="bin/manage")
    with Services(layout) as services:
        code = 0
        if services.unmigrated and arguments[:1] != ["migrate"]:
            code = _run(layout, ["migrate", *QUIETLY]) or _run(layout, [KEYS, *QUIETLY])
        owner.say(command="bin/manage", ready=True, port=layout.port)
        code = code or _run(layout, arguments)
        users.take()  # others came in meanwhile: the services are theirs too
        owner.say(command="bin/manage")
    return code


def _environment(layout: Layout, arguments: list[str], **changes: str) -> dict[str, str]:
    role = "hq_owner" if arguments[:1] and arguments[0] in OWNERS_COMMANDS else "hq_app"
    return layout.environment(role=os.environ.get("HQ_DB_ROLE", role)) | changes


def _become(layout: Layout, arguments: list[str], port: Any = None) -> Never:
    """Replace this process: signals, terminal and exit code are then the command's own."""
    changes = (
        {"HQ_PORT": str(port), "HQ_BASE_URL": os.environ.get("HQ_BASE_URL", f"http://localhost:{port}")} if port else {}
    )
    environment = _environment(layout, arguments, **changes)
    os.execve(MANAGE[0], [*MANAGE, *arguments], environment)  # noqa: S606 - our own interpreter and file


def _run(layout: Layout, arguments: list[str]) -> int:
    """Run it in the terminal's foreground. It answers Ctrl-C itself; we stay to stop the services."""
    child: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        for process in child:
            process.send_signal(number)

    former = [
        (number, signal.signal(number, handler))
        for number, handler in ((signal.SIGINT, lambda *_: None), (signal.SIGTERM, forward))
    ]
    try:
        child.append(subprocess.Popen([*MANAGE, *arguments], env=_environment(layout, arguments)))
        code = child[0].wait()
        return code if code >= 0 else 128 - code  # as a shell tells of a signal
    finally:
        for number, handler in former:
            signal.signal(number, handler)
