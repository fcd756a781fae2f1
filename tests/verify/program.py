"""bin/verify, in this process and as strangers run it."""

import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "bin" / "verify"


def loaded() -> ModuleType:
    loader = SourceFileLoader("hq_verify", str(PROGRAM))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module


VERIFY = loaded()


def run(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """As on a stranger's machine: nothing in the environment, no packages, another folder."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", str(PROGRAM), *map(str, arguments)],
        cwd=os.sep,
        env=environment or {},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
