"""An operator follows docs/operate.md word for word: backs up, loses what came later, and restores."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.docs.test_readme import blocks, environment, make_instance
from tests.embedded.instance import Instance

__all__ = ["make_instance"]

ROOT = Path(__file__).resolve().parent.parent.parent
OPERATE = (ROOT / "docs" / "operate.md").read_text()
BACKUP, RESTORE = blocks(OPERATE)
(CHECK,) = re.findall(r"^```sh check\n(.*?)^```$", OPERATE, re.DOTALL | re.MULTILINE)
KNOWN = """
live=http://localhost:{port}/v1/environments/{live}
key="Authorization: Bearer {key}"
"""


def typed(script: str, instance: Instance) -> str:
    """What a shell prints that stops at the first command that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment(instance),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(instance: Instance) -> None:
    instance.start([str(ROOT / "bin/run")], **environment(instance))


def stop(instance: Instance) -> None:
    instance.send(signal.SIGINT)
    assert instance.wait() == 0


def test_a_backup_is_made_and_restored_word_for_word(make_instance: Callable[..., Instance], tmp_path: Path):
    instance = make_instance()
    start(instance)
    made = json.loads(typed("bin/manage bootstrap --organization Kept --email kept@example.com --json", instance))
    known = KNOWN.format(port=instance.port, live=made["environments"]["live"], key=made["api_key"])
    store = known + 'curl -fsS -H "$key" -T LICENSE "$live/objects/'
    typed(store + 'before"', instance)

    to = f"to={shlex.quote(str(tmp_path / 'backup'))}"
    backup = BACKUP.replace("to=/var/backups/hq", to)
    assert backup != BACKUP
    typed(backup, instance)
    typed(store + 'after"', instance)
    stop(instance)

    again = "\n".join(line for line in backup.splitlines() if re.match(r"ask\(|data=|PATH=|export |to=", line))
    typed(f"{again}\n{RESTORE}", instance)
    start(instance)

    admin, access = (
        json.loads(each) for each in typed(known + CHECK.replace('chain"\n', 'chain"; echo\n'), instance).splitlines()
    )
    assert (admin["verified"], access["verified"]) == (True, True)
    typed(known + 'curl -fsS -H "$key" "$live/objects/before" | cmp - LICENSE', instance)
    code = typed(known + 'curl -s -o /dev/null -w "%{http_code}" -H "$key" "$live/objects/after"', instance)
    assert code == "404"
    assert (tmp_path / "backup" / "before" / "hq.dump").stat().st_size > 0
