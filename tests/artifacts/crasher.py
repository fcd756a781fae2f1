"""A process that deploys and is killed, as a power cut would, at a numbered step.

`python -m tests.artifacts.crasher STEP` reads the actor and the artifact's id, pickled, from its standard input.
"""

import pickle
import sys
from collections.abc import Iterator
from typing import Any

from tests.vault.crasher import after, before, die

STEPS = ("package announced", "in the middle", "all is written", "package kept", "files are rows", "before the commit")
FILES = {"index.html": b"x" * 200_000, "b.html": b"y" * 10}


def main() -> None:
    import django

    django.setup()
    from artifacts.actions import deploying
    from artifacts.models import DeployedFile
    from audit import recorder
    from tests.artifacts.tars import in_pieces, tar
    from vault.actions.packages import Package

    step = STEPS.index(sys.argv[1])
    actor, artifact_id = pickle.load(sys.stdin.buffer)

    def pieces() -> Iterator[bytes]:
        for number, piece in enumerate(in_pieces(tar(FILES), 10_000)):
            if step == 1 and number == 12:
                die()
            yield piece

    replaced: dict[int, tuple[Any, str, Any]] = {
        0: (deploying, "begin_package", after),
        2: (Package, "keep", before),
        3: (Package, "keep", after),
        4: (DeployedFile.objects, "bulk_create", after),
        5: (recorder, "record", after),
    }
    if step in replaced:
        owner, name, wrap = replaced[step]
        setattr(owner, name, wrap(getattr(owner, name)))
    deploying.deploy_archive(actor=actor, artifact_id=artifact_id, chunks=pieces())


if __name__ == "__main__":
    main()
