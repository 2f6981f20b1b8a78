"""Bar codes in pictures that people took: several at a time, tilted, dim or small."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import zxingcpp
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_BYTES: Final = 12_000_000  # LINE keeps pictures up to 10 MB
MOST_PIXELS: Final = 60_000_000
_SIDES: Final = (2_000, 1_100, 3_000)  # px of the longer side, tried in this order
_FORMATS: Final = zxingcpp.barcode_formats_from_str("QRCode,Code39")


class NotAPicture(Exception):
    """No JPEG, PNG or WebP, or one too large to open."""


@dataclass(frozen=True, slots=True)
class Found:
    """The text as the reader takes it, and the bytes of the code."""

    text: str
    data: bytes


def codes_in(picture: bytes, *, wanted: int = 2, most_pixels: int = MOST_PIXELS) -> list[Found]:
    """Every QR and Code 39 in the picture. It is looked at in several sizes until `wanted` are
    found. Raises NotAPicture, also for more than `most_pixels`."""
    if len(picture) > MOST_BYTES:
        raise NotAPicture
    try:
        opened = Image.open(io.BytesIO(picture), formats=("JPEG", "PNG", "WEBP"))
        if opened.width * opened.height > most_pixels:
            raise NotAPicture
        grey = ImageOps.exif_transpose(opened).convert("L")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotAPicture from error
    found: dict[str, Found] = {}
    for sized in _sizes(grey):
        for code in zxingcpp.read_barcodes(sized, formats=_FORMATS):
            if code.text:
                found.setdefault(code.text, Found(code.text, bytes(code.bytes)))
        if len(found) >= wanted:
            break
    return list(found.values())


def _sizes(grey: Image.Image) -> Iterator[Image.Image]:
    longest = max(grey.size)
    for side in _SIDES:
        share = side / longest
        if share >= 1 and side != _SIDES[0]:
            continue  # larger than it is shows nothing new
        yield (
            grey
            if share >= 1
            else grey.resize(
                (max(1, round(grey.width * share)), max(1, round(grey.height * share)))
            )
        )
