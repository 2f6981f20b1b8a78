"""Draws a rich menu's picture from its words: a PNG in the brand's colours, at most 1 MB."""

import io
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import pylopdf_fonts_zh_tw
from PIL import Image, ImageDraw, ImageFont

from app.richmenus.rules import MAX_PICTURE_BYTES, WIDTH, Cell, Icon, Menu
from flex_templates.theme import Theme

# Icons are drawn on a square of 96 units, several times larger than shown, for smooth edges.
GRID = 96
SMOOTH = 4
STROKE = 5.0

ICON_SIZE = 250
WORD_SIZE = 118
CAPTION_SIZE = 76  # 12 px on a phone
GAP = 16
STEPS = 48  # of a gradient, before it is enlarged

Point = tuple[float, float]


class Pen:
    """Draws with rounded ends on the icon grid, in one colour."""

    def __init__(self, size: int, colour: str) -> None:
        self._scale = size * SMOOTH / GRID
        self.image = Image.new("RGBA", (size * SMOOTH, size * SMOOTH), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)
        self._colour = colour

    def _at(self, *values: float) -> list[float]:
        return [value * self._scale for value in values]

    def line(self, *points: Point, width: float = STROKE) -> None:
        thick = round(width * self._scale)
        flat = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(flat, fill=self._colour, width=thick, joint="curve")
        for x, y in points:
            self.dot(x, y, width / 2)

    def dot(self, x: float, y: float, radius: float) -> None:
        self._draw.ellipse(
            self._at(x - radius, y - radius, x + radius, y + radius), fill=self._colour
        )

    def ring(self, x: float, y: float, radius: float, start: float = 0, end: float = 360) -> None:
        outer = radius + STROKE / 2
        self._draw.arc(
            self._at(x - outer, y - outer, x + outer, y + outer),
            start,
            end,
            fill=self._colour,
            width=round(STROKE * self._scale),
        )
        if end - start < 360:
            for angle in (math.radians(start), math.radians(end)):
                self.dot(x + radius * math.cos(angle), y + radius * math.sin(angle), STROKE / 2)

    def frame(self, left: float, top: float, right: float, bottom: float, radius: float) -> None:
        self._draw.rounded_rectangle(
            self._at(left, top, right, bottom),
            radius=radius * self._scale,
            outline=self._colour,
            width=round(STROKE * self._scale),
        )

    def fill(self, points: Sequence[Point]) -> None:
        self._draw.polygon(
            [(x * self._scale, y * self._scale) for x, y in points], fill=self._colour
        )

    def erase(self, left: float, top: float, right: float, bottom: float) -> None:
        self._draw.rectangle(self._at(left, top, right, bottom), fill=(0, 0, 0, 0))


def _card(pen: Pen) -> None:
    pen.frame(8, 20, 88, 76, 9)
    pen.fill([(9, 35), (87, 35), (87, 46), (9, 46)])
    pen.line((21, 62), (42, 62))
    pen.line((68, 62), (75, 62))


def _star(x: float, y: float, outer: float, inner: float) -> list[Point]:
    return [
        (
            x + (outer if corner % 2 == 0 else inner) * math.sin(corner * math.pi / 5),
            y - (outer if corner % 2 == 0 else inner) * math.cos(corner * math.pi / 5),
        )
        for corner in range(10)
    ]


def _points(pen: Pen) -> None:
    pen.ring(48, 48, 36)
    pen.fill(_star(48, 49, 20, 9))


def _coupon(pen: Pen) -> None:
    pen.frame(8, 24, 88, 72, 7)
    pen.erase(5, 40, 14, 56)
    pen.erase(82, 40, 91, 56)
    pen.ring(9, 48, 8, -90, 90)
    pen.ring(87, 48, 8, 90, 270)
    for top in (34.0, 46.0, 58.0):
        pen.line((60, top), (60, top + 4))
    pen.line((26, 41), (46, 41))
    pen.line((26, 55), (40, 55))


def _mission(pen: Pen) -> None:
    pen.frame(18, 16, 78, 86, 9)
    pen.erase(34, 10, 62, 24)
    pen.frame(34, 8, 62, 24, 6)
    for top in (43.0, 64.0):
        pen.line((29, top), (35, top + 6), (44, top - 5))
        pen.line((54, top + 1), (66, top + 1))


def _store(pen: Pen) -> None:
    pen.line((18, 46), (18, 84), (78, 84), (78, 46))
    pen.line((20, 14), (76, 14), (88, 36), (8, 36), (20, 14))
    for left in (8.0, 28.0, 48.0, 68.0):
        pen.ring(left + 10, 36, 10, 0, 180)
    pen.line((40, 84), (40, 62), (56, 62), (56, 84))


def _contact(pen: Pen) -> None:
    pen.frame(8, 14, 88, 70, 16)
    pen.erase(28, 64, 44, 74)
    pen.line((27, 67.5), (27, 84), (45, 67.5))
    for x in (30.0, 48.0, 66.0):
        pen.dot(x, 42, 4.5)


def _join(pen: Pen) -> None:
    pen.ring(40, 30, 17)
    pen.ring(40, 88, 30, 180, 360)
    pen.line((10, 88), (70, 88))
    pen.line((78, 34), (78, 58))
    pen.line((66, 46), (90, 46))


def _news(pen: Pen) -> None:
    pen.frame(10, 32, 86, 48, 4)
    pen.line((17, 48), (17, 86), (79, 86), (79, 48))
    pen.line((48, 33), (48, 86))
    pen.ring(36, 21, 9)
    pen.ring(60, 21, 9)
    pen.line((42, 27), (48, 33), (54, 27))


_ICONS: dict[Icon, Callable[[Pen], None]] = {
    "card": _card,
    "points": _points,
    "coupon": _coupon,
    "mission": _mission,
    "store": _store,
    "contact": _contact,
    "join": _join,
    "news": _news,
}


def _icon(name: Icon, size: int, colour: str) -> Image.Image:
    pen = Pen(size, colour)
    _ICONS[name](pen)
    return pen.image.resize((size, size), Image.Resampling.LANCZOS)


def font_path() -> Path:
    """Return the Traditional Chinese font that the package of fonts brings along."""
    return Path(pylopdf_fonts_zh_tw.sans_path())


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_path()), size)


def _gradient(width: int, height: int, start: str, end: str) -> Image.Image:
    """Return a ground that runs from one colour at the upper left to the other."""
    first, last = Image.new("RGB", (1, 1), start), Image.new("RGB", (1, 1), end)
    small = Image.new("RGB", (STEPS, STEPS))
    for x in range(STEPS):
        for y in range(STEPS):
            small.paste(Image.blend(first, last, (x + y) / (2 * STEPS - 2)), (x, y))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def _fitting(words: str, size: int, room: int) -> ImageFont.FreeTypeFont:
    """Return the font at this size, or smaller when the words would not fit."""
    length = _font(size).getlength(words)
    return _font(size) if length <= room else _font(max(24, int(size * room / length)))


def _draw_cell(picture: Image.Image, cell: Cell, theme: Theme) -> None:
    ink, quiet, accent = theme.ink, theme.quiet, theme.primary
    if cell.is_main:
        ground = _gradient(cell.width, cell.height, theme.cover_end, theme.cover_start)
        picture.paste(ground, (cell.x, cell.y))
        ink, quiet, accent = theme.on_cover, theme.cover_quiet, theme.on_cover
    draw = ImageDraw.Draw(picture)
    middle = cell.x + cell.width / 2
    height = ICON_SIZE + WORD_SIZE + CAPTION_SIZE + 5 * GAP
    top = cell.y + (cell.height - height) / 2
    icon = _icon(cell.icon, ICON_SIZE, accent)
    picture.paste(icon, (round(middle - ICON_SIZE / 2), round(top)), icon)
    room = cell.width - 80
    word_at = (middle, top + ICON_SIZE + 3 * GAP + WORD_SIZE / 2)
    word_font = _fitting(cell.word, WORD_SIZE, room)
    # The font package has one weight; a stroke of the same colour makes the bold.
    draw.text(word_at, cell.word, font=word_font, fill=ink, anchor="mm", stroke_width=1.5)
    caption_at = (middle, word_at[1] + WORD_SIZE / 2 + 2 * GAP + CAPTION_SIZE / 2)
    caption_font = _fitting(cell.caption, CAPTION_SIZE, room)
    draw.text(caption_at, cell.caption, font=caption_font, fill=quiet, anchor="mm")


def _draw_lines(picture: Image.Image, menu: Menu, theme: Theme) -> None:
    """Hairlines between cells, short of the edges, as on a well-set page."""
    draw, inset = ImageDraw.Draw(picture), 90
    mains = [cell for cell in menu.cells if cell.is_main]
    for cell in menu.cells:
        after_main = any(main.x + main.width == cell.x and main.y == cell.y for main in mains)
        if cell.x > 0 and not after_main:
            ends = (cell.x, cell.y + inset, cell.x, cell.y + cell.height - inset)
            draw.line(ends, fill=theme.line, width=4)
        below_main = any(main.y + main.height == cell.y and main.x == cell.x for main in mains)
        if cell.y > 0 and not below_main:
            ends = (cell.x + inset, cell.y, cell.x + cell.width - inset, cell.y)
            draw.line(ends, fill=theme.line, width=4)


def picture(menu: Menu, theme: Theme) -> bytes:
    """Draw the menu as PNG; the same menu and theme give the same bytes."""
    canvas = Image.new("RGB", (WIDTH, menu.height), theme.paper)
    _draw_lines(canvas, menu, theme)
    for cell in menu.cells:
        _draw_cell(canvas, cell, theme)
    return _as_png(canvas)


def _as_png(canvas: Image.Image) -> bytes:
    """Return the PNG; with fewer colours when the full ones weigh more than LINE takes."""
    for image in (canvas, canvas.quantize(255), canvas.quantize(64)):
        packed = io.BytesIO()
        image.save(packed, "PNG", optimize=True)
        if packed.tell() <= MAX_PICTURE_BYTES:
            break
    return packed.getvalue()
