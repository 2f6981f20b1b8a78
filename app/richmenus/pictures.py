"""Draws a menu's pages from their words: PNG in the brand's colours, at most 1 MB each."""

import io
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import pylopdf_fonts_zh_tw
from PIL import Image, ImageDraw, ImageFont

from app.richmenus.rules import layouts
from app.richmenus.rules.design import WIDTH, Cell, Design
from app.richmenus.rules.document import MAX_PICTURE_BYTES
from app.richmenus.rules.layouts import Tab
from flex_templates.theme import Theme

# Icons are drawn on a square of 96 units, several times larger than shown, for smooth edges.
GRID = 96
SMOOTH = 4
STROKE = 5.0

ICON_SIZE = 250
WORD_SIZE = 118
CAPTION_SIZE = 76  # 12 px on a phone
TAB_SIZE = 96
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


def _gift(pen: Pen) -> None:
    pen.frame(10, 32, 86, 48, 4)
    pen.line((17, 48), (17, 86), (79, 86), (79, 48))
    pen.line((48, 33), (48, 86))
    pen.ring(36, 21, 9)
    pen.ring(60, 21, 9)
    pen.line((42, 27), (48, 33), (54, 27))


def _news(pen: Pen) -> None:
    pen.frame(14, 24, 82, 82, 8)
    pen.line((14, 44), (82, 44))
    pen.fill(_star(48, 63, 13, 6))
    pen.line((32, 14), (32, 30))
    pen.line((64, 14), (64, 30))


def _tier(pen: Pen) -> None:
    pen.line((14, 34), (24, 74), (72, 74), (82, 34), (63, 50), (48, 22), (33, 50), (14, 34))
    pen.line((24, 84), (72, 84))


def _receipt(pen: Pen) -> None:
    pen.line((22, 10), (22, 86), (35, 78), (48, 86), (61, 78), (74, 86), (74, 10), (22, 10))
    for top in (30.0, 46.0, 62.0):
        pen.line((36, top), (60, top))


def _help(pen: Pen) -> None:
    pen.ring(48, 48, 38)
    pen.ring(48, 38, 12, 180, 360 + 60)
    pen.line((54, 48.5), (48, 56), (48, 60))
    pen.dot(48, 71, 3.8)


def _link(pen: Pen) -> None:
    pen.line((26, 36), (20, 84), (76, 84), (70, 36), (26, 36))
    pen.ring(48, 36, 14, 180, 360)
    pen.line((38, 62), (46, 70), (60, 54))


_ICONS: dict[str, Callable[[Pen], None]] = {
    "card": _card,
    "points": _points,
    "coupon": _coupon,
    "mission": _mission,
    "tier": _tier,
    "receipt": _receipt,
    "gift": _gift,
    "store": _store,
    "news": _news,
    "contact": _contact,
    "help": _help,
    "join": _join,
    "link": _link,
}


def _icon(name: str, size: int, colour: str) -> Image.Image:
    pen = Pen(size, colour)
    _ICONS[name](pen)
    return pen.image.resize((size, size), Image.Resampling.LANCZOS)


def font_path() -> Path:
    """Return the Traditional Chinese font that the package of fonts brings along."""
    return Path(pylopdf_fonts_zh_tw.sans_path())


@lru_cache(maxsize=32)
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
    """An icon over the words over the small words, as large as the place allows."""
    ink, quiet, accent = theme.ink, theme.quiet, theme.primary
    if cell.is_main:
        ground = _gradient(cell.width, cell.height, theme.cover_end, theme.cover_start)
        picture.paste(ground, (cell.x, cell.y))
        ink, quiet, accent = theme.on_cover, theme.cover_quiet, theme.on_cover
    heights = [ICON_SIZE + 3 * GAP if cell.icon else 0, WORD_SIZE]
    heights.append(CAPTION_SIZE + 2 * GAP if cell.caption else 0)
    scale = min(1.0, (cell.height - 4 * GAP) / sum(heights), cell.width / (2 * ICON_SIZE))
    draw = ImageDraw.Draw(picture)
    middle, room = cell.x + cell.width / 2, max(cell.width - 80, cell.width // 2)
    at = cell.y + (cell.height - scale * sum(heights)) / 2
    if cell.icon:
        size = max(round(ICON_SIZE * scale), 1)
        icon = _icon(cell.icon, size, accent)
        picture.paste(icon, (round(middle - size / 2), round(at)), icon)
    at += scale * (heights[0] + WORD_SIZE / 2)
    font = _fitting(cell.word, max(round(WORD_SIZE * scale), 24), room)
    # The font package has one weight; a stroke of the same colour makes the bold.
    draw.text((middle, at), cell.word, font=font, fill=ink, anchor="mm", stroke_width=1.5)
    if cell.caption:
        at += scale * (WORD_SIZE / 2 + 2 * GAP + CAPTION_SIZE / 2)
        font = _fitting(cell.caption, max(round(CAPTION_SIZE * scale), 24), room)
        draw.text((middle, at), cell.caption, font=font, fill=quiet, anchor="mm")


def _draw_lines(picture: Image.Image, cells: Sequence[Cell], top: int, theme: Theme) -> None:
    """Hairlines between cells, short of the edges, as on a well-set page."""
    draw, inset = ImageDraw.Draw(picture), 90
    mains = [cell for cell in cells if cell.is_main]
    for cell in cells:
        after_main = any(
            main.x + main.width == cell.x and main.y <= cell.y < main.y + main.height
            for main in mains
        )
        if cell.x > 0 and not after_main:
            ends = (cell.x, cell.y + inset, cell.x, cell.y + cell.height - inset)
            draw.line(ends, fill=theme.line, width=4)
        below_main = any(
            main.y + main.height == cell.y and main.x <= cell.x < main.x + main.width
            for main in mains
        )
        if cell.y > top and not below_main:
            ends = (cell.x + inset, cell.y, cell.x + cell.width - inset, cell.y)
            draw.line(ends, fill=theme.line, width=4)


def _draw_tabs(picture: Image.Image, strip: Sequence[Tab], theme: Theme) -> None:
    """The open tab is of one piece with its page; the others lie behind."""
    draw = ImageDraw.Draw(picture)
    if strip:
        draw.rectangle((0, 0, WIDTH, strip[0].height), fill=theme.track)
    for tab in strip:
        if tab.is_open:
            draw.rounded_rectangle(
                (tab.x, 20, tab.x + tab.width - 1, tab.height),
                radius=48,
                fill=theme.paper,
                corners=(True, True, False, False),
            )
        draw.text(
            (tab.x + tab.width / 2, tab.height / 2 + 10),
            tab.name,
            font=_fitting(tab.name, TAB_SIZE, tab.width - 60),
            fill=theme.primary if tab.is_open else theme.quiet,
            anchor="mm",
            stroke_width=1.5 if tab.is_open else 0,
        )


def picture(design: Design, at: int, theme: Theme) -> bytes:
    """Draw a page as PNG; the same page and theme give the same bytes."""
    return _as_png(_canvas(design, at, theme))


def thumbnail(design: Design, at: int, theme: Theme, *, width: int) -> bytes:
    """A page as it will look, `width` px wide, as JPEG: for pages that show many."""
    canvas = _canvas(design, at, theme)
    small = canvas.resize((width, width * canvas.height // canvas.width), reducing_gap=2.0)
    return _packed(small, "JPEG")


def shrunk(content: bytes, *, width: int) -> bytes:
    """An uploaded picture, `width` px wide, as JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        ready = image.convert("RGB")
    return _packed(ready.resize((width, width * ready.height // ready.width)), "JPEG")


def looked_at(content: bytes) -> tuple[str | None, int, int]:
    """Format, width and height of an uploaded picture; None for what is no picture."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
            return image.format, image.width, image.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None, 0, 0


def _canvas(design: Design, at: int, theme: Theme) -> Image.Image:
    canvas = Image.new("RGB", (WIDTH, design.height), theme.paper)
    cells = design.pages[at].cells
    _draw_tabs(canvas, layouts.tabs(design, at), theme)
    _draw_lines(canvas, cells, layouts.top(design, at), theme)
    for cell in cells:
        if cell.width > 0 and cell.height > 4 * GAP:
            _draw_cell(canvas, cell, theme)
    return canvas


def _packed(image: Image.Image, kind: str) -> bytes:
    packed = io.BytesIO()
    image.save(packed, kind, optimize=True)
    return packed.getvalue()


def _as_png(canvas: Image.Image) -> bytes:
    """Return the PNG; with fewer colours when the full ones weigh more than LINE takes."""
    full = _packed(canvas, "PNG")
    for colours in (255, 64):
        if len(full) <= MAX_PICTURE_BYTES:
            break
        full = _packed(canvas.quantize(colours), "PNG")
    return full
