"""Pictures of signatures that were made to be more than they seem."""

import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from signing.paper.images import BYTES_MOST, BadImage, clean_png
from tests.signing.support import png


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def behind_the_pixels(made: bytes) -> bytes:
    at = png().index(b"IEND") - 4
    return png()[:at] + made + png()[at:]


@pytest.mark.parametrize("kind", [b"iCCP", b"gAMA", b"cHRM", b"pHYs", b"eXIf", b"zTXt", b"iTXt", b"fcTL"])
@pytest.mark.parametrize("content", [b"", b"\0", b"x" * 26, b"x\0\0" + zlib.compress(bytes(50_000_000))])
def test_a_broken_chunk_is_no_fault_of_ours_and_none_is_kept(kind, content):
    try:
        made = clean_png(behind_the_pixels(chunk(kind, content)))
    except BadImage:
        return
    assert kind not in made


def test_a_picture_that_grows_when_it_is_written_anew_still_fits_into_a_chain():
    size = (2_000, 190)
    noise = Image.frombytes("P", size, random.Random(1).randbytes(size[0] * size[1]).translate(bytes(range(16)) * 16))
    noise.putpalette(random.Random(2).randbytes(48))
    out = BytesIO()
    noise.save(out, "PNG", bits=4)
    assert out.tell() <= BYTES_MOST
    made = clean_png(out.getvalue())
    assert len(made) <= BYTES_MOST
    with Image.open(BytesIO(made)) as picture:
        assert picture.width / picture.height == pytest.approx(2_000 / 190, rel=0.1)


def test_a_picture_of_a_signature_stays_as_it_is():
    with Image.open(BytesIO(clean_png(png((600, 200))))) as picture:
        assert (picture.size, picture.mode) == ((600, 200), "RGBA")
        assert picture.getpixel((0, 0)) == (255, 0, 0, 255)
