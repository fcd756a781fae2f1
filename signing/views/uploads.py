"""Forms with a PDF in them: Django's own reader takes 2.5 MB, and keeps nothing of what is longer."""

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any, cast

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from hq.web.portal import own_context
from hq.web.request import TenantRequest
from signing.models.agreements import BYTES_MOST

View = Callable[..., HttpResponse]


class PaperHandler(FileUploadHandler):
    """Keeps one file in memory, up to what a document may have and one byte more: then it is seen to be too long."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.kept = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.kept.tell() + len(raw_data) > BYTES_MOST:
            raise StopUpload(connection_reset=False)  # reads the rest, and keeps nothing of it
        self.kept.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        self.kept.seek(0)
        return InMemoryUploadedFile(
            self.kept, self.field_name, self.file_name, self.content_type, file_size, self.charset
        )


def takes_papers(view: View) -> View:
    """A view that opens its own context and reads documents from its form. It asks for the form's token all the same:
    only later, once it has said how the form is to be read.
    """
    guarded = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def reading(request: TenantRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.upload_handlers = [PaperHandler(request)]
        return guarded(request, *args, **kwargs)

    return own_context(cast("View", reading))
