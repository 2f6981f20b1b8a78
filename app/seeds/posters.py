"""Draws the posters of the demonstration's letters, so that no picture has to be kept for them."""

import io
from typing import Final

import pylopdf_fonts_zh_tw
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1024, 768
_TOP, _BOTTOM, _INK, _SUN = (24, 70, 52), (66, 128, 92), (250, 246, 232), (236, 196, 110)
_HILLS: Final = (
    (0.72, 0.10, (46, 104, 76)),
    (0.82, 0.07, (33, 84, 62)),
    (0.92, 0.05, (20, 58, 44)),
)


def poster(title: str, line: str) -> bytes:
    """A tea hill under the moon with two lines of words; PNG."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    for y in range(HEIGHT):
        share = y / HEIGHT
        colour = tuple(round(a + (b - a) * share) for a, b in zip(_TOP, _BOTTOM, strict=True))
        draw.line((0, y, WIDTH, y), fill=colour)
    draw.ellipse((700, 90, 880, 270), fill=_SUN)
    for at, high, colour in _HILLS:
        top = HEIGHT * at
        for x in range(-200, WIDTH, 260):
            draw.ellipse((x, top - HEIGHT * high, x + 420, top + HEIGHT), fill=colour)
    draw.text((72, 150), title, font=_font(92), fill=_INK)
    draw.text((76, 280), line, font=_font(44), fill=_SUN)
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(pylopdf_fonts_zh_tw.sans_path()), size)
