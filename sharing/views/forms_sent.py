"""Files of forms that were sent without a script. They were read into memory, so they are small."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from hq.lib.errors import Invalid
from hq.web import transfer


def sent_by_form(request: HttpRequest) -> Iterator[tuple[str, transfer.Body]]:
    """The name and the bytes of each file. Raises Invalid if there is none."""
    sent = [file for file in request.FILES.getlist("file") if file.size is not None]
    if not sent:
        limit = settings.FILE_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
        raise Invalid(f"Choose a file. Without scripts it has at most {limit} MB; nothing was kept.")
    for file in sent:
        yield file.name or "file", _body(file)


def _body(file: UploadedFile[bytes]) -> transfer.Body:
    source = BytesIO(file.read())
    chunks = iter(lambda: source.read(transfer.READ_BYTES), b"")
    return transfer.Body(len(source.getbuffer()), None, transfer.media_type(file.content_type or ""), chunks)
