"""How bodies of /v1 are read. Apart from the endpoints, because DRF imports it while they are being defined."""

from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from hq.lib.errors import PayloadTooLarge

MOST_FORM_BYTES = 64 * 1024
MOST_FORM_FIELDS = 20


class JSONParser(parsers.BaseParser):
    """JSON of a bounded length and depth: 100,000 brackets are a mistake of the sender's, no fault of ours.

    The stream is read here, past Django's own bound; DRF keeps to that for all that are kinds of its own parser. An
    endpoint that takes more says so: `most_json_bytes`. It is told the digest of what was read, which stands for a
    body that is not kept (`Endpoint.act`).
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        view = (parser_context or {}).get("view")
        most: int = getattr(view, "most_json_bytes", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        body = stream.read(most + 1)
        if len(body) > most:
            raise PayloadTooLarge
        if view is not None:
            view.body_digest = sha256(body).digest()
        try:
            return parsers.JSONParser().parse(BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError from error


class FormParser(parsers.BaseParser):
    """A form as OAuth has it (RFC 6749, appendix B): UTF-8, and each name once (section 3.2)."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, str]:
        body = stream.read(MOST_FORM_BYTES + 1)
        if len(body) > MOST_FORM_BYTES:
            raise PayloadTooLarge
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=MOST_FORM_FIELDS,
            )
        except ValueError as error:
            raise ParseError from error
        if len(found := dict(pairs)) < len(pairs):
            raise ParseError
        return found
