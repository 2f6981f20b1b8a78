"""Find a code in a camera frame, for phones whose browser cannot."""

import io
from typing import Final

import zxingcpp
from PIL import Image, UnidentifiedImageError

MOST_PIXELS: Final = 4_000_000
_FORMATS: Final = zxingcpp.barcode_formats_from_str("QRCode,Code128")


class NotAFrame(Exception):
    """No JPEG, or one larger than any camera frame a page of ours sends."""


def code_in(jpeg: bytes) -> str | None:
    """The text of the first QR or Code 128 in the picture. Raises NotAFrame."""
    try:
        picture = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
        if picture.width * picture.height > MOST_PIXELS:
            raise NotAFrame
        grey = picture.convert("L")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotAFrame from error
    found = zxingcpp.read_barcodes(grey, formats=_FORMATS)
    return next((code.text for code in found if code.text), None)
