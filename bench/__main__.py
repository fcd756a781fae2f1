"""bin/bench, once everything is installed."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.figures import Report
from bench.services import instance
from hq.embedded.errors import CannotStart

TRAIL = ("audit", "audit_peers", "audit_proofs", "audit_explorer")
NAMES = ("field", "store", *TRAIL, "redeem", "keys", "access", "api", "vault", "signing", "run")


def benches() -> dict[str, Callable[[], Report]]:
    """Imported late: they are HQ's code, which wants settings, which want the services."""
    from bench import (
        access,
        api,
        audit,
        audit_explorer,
        audit_peers,
        audit_proofs,
        field,
        keys,
        redeem,
        run,
        signing,
        store,
        vault,
    )

    trail = (audit, audit_peers, audit_proofs, audit_explorer)
    every = (field, store, *trail, redeem, keys, access, api, vault, signing, run)
    return {name: bench.measure for name, bench in zip(NAMES, every, strict=True)}


def main(arguments: list[str]) -> int:
    """0 when every target was met, 1 when one was missed or nothing could be measured."""
    parser = argparse.ArgumentParser(
        prog="bin/bench", description="Measure HQ against limits and peers in the same run. Nothing else should run."
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; all when none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    try:
        reports = _measured(given.names or list(NAMES))
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if given.json:
        given.json.write_text(json.dumps({name: report.as_json() for name, report in reports.items()}, indent=2) + "\n")
    return 0 if all(report.met for report in reports.values()) else 1


def _measured(names: list[str]) -> dict[str, Report]:
    reports = {}
    with instance():
        every = benches()
        for name in names:
            print(f"{name} ({os.getloadavg()[0]:.1f} load)", flush=True)
            reports[name] = every[name]()
            print(f"{reports[name]}\n", flush=True)
    return reports


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
