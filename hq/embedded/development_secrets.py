"""Secrets for development, made once and kept in files that only this user reads. Production gets none of them."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

MARK = "development-"  # production refuses a secret that begins with it


def _marked() -> str:
    return MARK + secrets.token_urlsafe(48)


def _root_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


# Variable that a person may set instead: file below the data directory, and how its content is made.
SECRETS: dict[str, tuple[str, Callable[[], str]]] = {
    "HQ_SECRET_KEY": ("secrets/secret_key", _marked),
    "HQ_API_KEY_PEPPER": ("secrets/api_key_pepper", _marked),
    "HQ_ROOT_KEY": ("keystore/root.key", _root_key),
}


def files(data: Path) -> dict[str, str]:
    """`NAME_FILE` for each secret that the environment does not give. The files are made when missing."""
    if os.environ.get("HQ_ENV", "development") != "development":
        return {}
    found = {}
    for name, (place, make) in SECRETS.items():
        if name not in os.environ and f"{name}_FILE" not in os.environ:
            _write_once(data / place, make)
            found[f"{name}_FILE"] = str(data / place)
    return found


def _write_once(path: Path, make: Callable[[], str]) -> None:
    """Whole or not at all, and never over an older one: what it protects would be lost."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(make() + "\n")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # another command was quicker; its secret stands
    finally:
        draft.unlink()
