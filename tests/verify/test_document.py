"""docs/statements.md is followed word for word."""

import re
import subprocess
from pathlib import Path

from hq.crypto.signatures import public_pem
from tests.verify.program import PROGRAM, ROOT
from tests.verify.samples import PUBLIC, certificate, content, jwks

DOCUMENT = (ROOT / "docs" / "statements.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def typed(folder: Path, script: str) -> str:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "verify").write_bytes(PROGRAM.read_bytes())
    (folder / "bin" / "verify").chmod(0o755)
    (folder / "jwks.json").write_bytes(jwks(PUBLIC))
    (folder / "key.pem").write_text(public_pem(PUBLIC))
    (folder / "deletion-certificate.json").write_bytes(certificate())
    done = subprocess.run(["sh", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_commands_do_what_it_says(tmp_path):
    command, by_hand = BLOCKS
    assert "HOLDS." in typed(tmp_path, command)
    assert "has not been changed" in typed(tmp_path, by_hand)


def test_its_steps_are_those_printed_in_a_statement():
    steps = content(certificate())["check"]
    own = [line for line in steps if not line.startswith(("#", "file="))]
    key = slice(own.index("cat > key.pem <<END"), own.index("END") + 1)
    del own[key]
    assert BLOCKS[1].splitlines() == ["file=deletion-certificate.json", *own]


def test_it_names_every_exit_code():
    told = re.findall(r"^ +(\d)  ", PROGRAM.read_text().split('"""')[1], re.MULTILINE)
    assert re.findall(r"^\| (\d) \|", DOCUMENT, re.MULTILINE) == told == ["0", "1", "2", "3"]
