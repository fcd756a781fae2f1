"""Pictures of signatures that were uploaded: read, bounded, and written anew, so that nothing else comes along."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError

WIDEST, HIGHEST = 2_000, 1_000


class BadImage(ValueError):
    """This is no PNG of a bearable size."""


def clean_png(content: bytes) -> bytes:
    """The same picture as a PNG with nothing but its pixels. Raises BadImage."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            if picture.width > WIDEST or picture.height > HIGHEST:
                raise BadImage(f"A picture is at most {WIDEST} by {HIGHEST} pixels.")
            out = BytesIO()
            Image.frombytes("RGBA", picture.size, picture.convert("RGBA").tobytes()).save(out, "PNG")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadImage("This cannot be read as a PNG.") from error
    return out.getvalue()
