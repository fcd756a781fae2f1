"""Sealed PDFs, looked at by two programs that are not ours."""

import asyncio
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from hq.lib.canonical import canonical
from tests.verify import agreements

EVIDENCE = canonical({"type": "hq/agreement-evidence", "v": 1, "certificate": {}, "steps": []})
PDFSIG = shutil.which("pdfsig")


def by_pyhanko(pdf: bytes, root_pem: str) -> Any:
    """The status that pyHanko finds, with this root trusted."""
    _, _, der = pem.unarmor(root_pem.encode())
    trust = ValidationContext(trust_roots=[x509.Certificate.load(der)], moment=agreements.AT)
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, async_validate_pdf_signature(signature, trust)).result()


def by_poppler(pdf: bytes) -> dict[str, str]:
    """What `pdfsig` says, by heading. It knows no root of ours, so whom it trusts says nothing."""
    assert PDFSIG, "pdfsig is not installed (poppler-utils)"
    with TemporaryDirectory() as folder:
        path = Path(folder, "sealed.pdf")
        path.write_bytes(pdf)
        done = subprocess.run([PDFSIG, path], capture_output=True, text=True, check=False, env={"HOME": folder})
    found = dict(re.findall(r"^  - ([^:\n]+?)(?:: (.*))?$", done.stdout, re.MULTILINE))
    return found | {"said": done.stdout}
