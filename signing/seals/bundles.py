"""The bundle of an agreement: a ZIP that has exactly one spelling (docs/verify.md), so that every byte of it counts.

Its members are stored as they are, in one order, with one date and one permission; nothing stands between them. The
statement signs the content of the others, and who checks a bundle puts it together again and compares.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

PDF, CHAIN, CERTIFICATE, PROOF, STATEMENT = (
    "agreement.pdf",
    "chain.jsonl",
    "certificate.json",
    "event-proof.json",
    "statement.json",
)
ORIGINALS: Final = ("original.pdf", "original.md")
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)  # there is none before it in a ZIP
_UNIX, _VERSION, _PERMITTED = 3, 20, 0o600 << 16


def ordered(files: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """The files in the order of a bundle; the statement, which lists the others in it, may be missing yet.

    Raises:
        ValueError: one is missing, or none of a bundle.
    """
    original = [name for name in ORIGINALS if name in files]
    consents = sorted(name for name in files if name.startswith("consent-"))
    last = [CERTIFICATE, PROOF, *([STATEMENT] if STATEMENT in files else [])]
    names = [PDF, *original, CHAIN, *consents, *last]
    if len(original) != 1 or set(names) != set(files):
        raise ValueError(f"These are not the files of a bundle: {sorted(files)}")
    return [(name, files[name]) for name in names]


def pack(files: Mapping[str, bytes]) -> bytes:
    """The one ZIP that has these files.

    Raises:
        ValueError: one is missing, or none of a bundle.
    """
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, content in ordered(files):
            info = ZipInfo(name, _FIRST_DAY)
            info.compress_type, info.create_system, info.create_version = ZIP_STORED, _UNIX, _VERSION
            info.external_attr = _PERMITTED
            archive.writestr(info, content)
    return packed.getvalue()
