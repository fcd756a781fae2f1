"""How pages say what a link gives."""

from collections.abc import Collection


def what(pins: Collection[str]) -> str:
    """`2 files`, `1 folder`, `3 files and 2 folders`."""
    folders = sum(pin.endswith("/") for pin in pins)
    files = len(pins) - folders
    parts = [_count(files, "file")] * bool(files or not folders) + [_count(folders, "folder")] * bool(folders)
    return " and ".join(parts)


def may(pins: Collection[str], *, write: bool) -> str:
    """`Read, download and replace`: nothing is replaced below a folder, only added."""
    folders = any(pin.endswith("/") for pin in pins)
    files = any(not pin.endswith("/") for pin in pins)
    can = ["read", "download"] + ["replace"] * (write and files) + ["add files"] * (write and folders)
    return f"{', '.join(can[:-1])} and {can[-1]}".capitalize()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
