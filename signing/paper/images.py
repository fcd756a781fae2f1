"""Pictures of signatures that were uploaded: read, bounded, and written anew, so that nothing else comes along."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError

WIDEST, HIGHEST = 2_000, 1_000
BYTES_MOST = 200_000  # 50 people's signatures lie in one chain, which a verifier reads up to 48 MiB


class BadImage(ValueError):
    """This is no PNG of a bearable size."""


def clean_png(content: bytes) -> bytes:
    """The same picture as a PNG with nothing but its pixels, made smaller until it fits. Raises BadImage."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            if picture.width > WIDEST or picture.height > HIGHEST:
                raise BadImage(f"A picture is at most {WIDEST} by {HIGHEST} pixels.")
            pixels = Image.frombytes("RGBA", picture.size, picture.convert("RGBA").tobytes())
    # Of these, Pillow lets the first through from some chunks behind the pixels.
    except (
        IndexError,
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise BadImage("This cannot be read as a PNG.") from error
    while len(made := _written(pixels)) > BYTES_MOST:
        pixels = pixels.reduce(2)
    return made


def _written(pixels: Image.Image) -> bytes:
    out = BytesIO()
    pixels.save(out, "PNG")
    return out.getvalue()
