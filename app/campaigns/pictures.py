"""Makes what LINE takes of an uploaded picture: turned upright, no larger than a phone shows,
without where and when it was taken; and a small one for before it is opened."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps

from app.core.errors import Invalid

# https://developers.line.biz/en/reference/messaging-api/#image-message
# https://developers.line.biz/en/reference/messaging-api/#f-image
MOST_UPLOADED: Final = 10_000_000  # bytes
MOST_PIXELS: Final = 30_000_000  # a few kilobytes may unfold to many more
MOST_BYTES, MOST_SMALL_BYTES = 10_000_000, 1_000_000
WIDTH, HEIGHT, SMALL = 1024, 1024, 480  # pixels at most
LONGEST: Final = 3  # times its width that a picture may be high, and the other way round
LEAST: Final = 100  # pixels
FORMATS: Final = ("JPEG", "PNG")
_QUALITIES: Final = (88, 75, 55)


@dataclass(frozen=True, slots=True)
class Made:
    kind: str  # JPEG | PNG
    content: bytes
    small: bytes  # always a JPEG
    width: int
    height: int


def made(uploaded: bytes) -> Made:
    """Raises Invalid."""
    if len(uploaded) > MOST_UPLOADED:
        raise Invalid("picture", "圖片最大 10 MB，請先縮小")
    try:
        with Image.open(io.BytesIO(uploaded), formats=FORMATS) as image:
            kind = image.format or ""
            if image.width * image.height > MOST_PIXELS:
                raise Invalid("picture", "圖片像素太多，請先縮小到三千萬像素以內")
            upright = ImageOps.exif_transpose(image)
            upright.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise Invalid("picture", "這不是可以用的圖片，請上傳 JPEG 或 PNG") from None
    if upright.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut off at 255
        upright = upright.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if min(upright.size) < LEAST:
        raise Invalid("picture", f"圖片太小，寬和高至少 {LEAST} 像素")
    if max(upright.size) > LONGEST * min(upright.size):
        raise Invalid("picture", f"圖片太長，長邊最多是短邊的 {LONGEST} 倍")
    has_holes = kind == "PNG" and upright.mode in ("RGBA", "LA", "P", "PA")
    shown = upright.convert("RGBA" if has_holes else "RGB")
    shown.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    content = _png(shown) if has_holes else _jpeg(shown, MOST_BYTES)
    small = Image.new("RGB", shown.size, "white")
    small.paste(shown, mask=shown if has_holes else None)
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    return Made(
        "PNG" if has_holes else "JPEG",
        content,
        _jpeg(small, MOST_SMALL_BYTES),
        shown.width,
        shown.height,
    )


def _png(image: Image.Image) -> bytes:
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _jpeg(image: Image.Image, most: int) -> bytes:
    """The best of a few qualities that weighs no more than this."""
    packed = io.BytesIO()
    for quality in _QUALITIES:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=quality, optimize=True, progressive=True)
        if packed.tell() <= most:
            break
    return packed.getvalue()
