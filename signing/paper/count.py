"""How many pages a PDF of our own has."""

from io import BytesIO

import pikepdf


def count_pages(pdf: bytes) -> int:
    """Of a PDF that HQ made itself: what others made goes through `inspect_pdf`."""
    with pikepdf.open(BytesIO(pdf)) as document:
        return len(document.pages)
