"""Pictures that LINE takes and people can read."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from app.richmenus import pictures
from app.richmenus.rules.design import ICONS, KINDS, WIDTH, Design, Page, blank
from app.richmenus.rules.document import MAX_PICTURE_BYTES
from app.richmenus.rules.layouts import FREE, LAYOUTS, arranged
from flex_templates.theme import CAMPHOR, THEMES
from tests.app.richmenus.test_rules import GUEST, READY_MENUS, TWO_TABS


@pytest.mark.parametrize("code", READY_MENUS)
def test_the_picture_has_the_size_and_weight_line_wants(code: str) -> None:
    design = READY_MENUS[code]
    packed = pictures.picture(design, 0, CAMPHOR)

    with Image.open(io.BytesIO(packed)) as image:
        assert image.format == "PNG"
        assert image.size == (WIDTH, design.height)
    assert len(packed) <= MAX_PICTURE_BYTES


def test_the_font_knows_every_word() -> None:
    words = {sign for kind in KINDS.values() for sign in kind.word + kind.caption}
    font = pictures._font(60)
    missing = bytes(font.getmask("\U0010fffd"))

    assert [sign for sign in words if bytes(font.getmask(sign)) == missing] == []


def test_the_picture_wears_the_brand_colour() -> None:
    for theme in THEMES.values():
        with Image.open(io.BytesIO(pictures.picture(GUEST, 0, theme))) as image:
            corner = image.convert("RGB").getpixel((0, 0))
        assert corner == tuple(bytes.fromhex(theme.cover_end[1:]))


@pytest.mark.parametrize("size", ["large", "compact"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_can_be_drawn(layout: str, size: str) -> None:
    page = Page(layout, (), "一")
    design = arranged(Design(size, "選單", (page, replace(page, name="二"))))
    packed = pictures.thumbnail(design, 1, CAMPHOR, width=500)

    with Image.open(io.BytesIO(packed)) as image:
        assert image.size == (500, 500 * design.height // WIDTH)


def test_every_icon_is_drawn_differently() -> None:
    drawn = {pictures._icon(name, 48, "#000000").tobytes() for name in ICONS if name}
    assert len(drawn) == len(ICONS) - 1


def test_the_open_tab_is_of_one_piece_with_its_page() -> None:
    grounds = []
    for at in range(2):
        packed = pictures.picture(TWO_TABS, at, CAMPHOR)
        with Image.open(io.BytesIO(packed)) as image:
            grounds.append([image.convert("RGB").getpixel((x, 200)) for x in (60, 2440)])
    paper, track = (tuple(bytes.fromhex(c[1:])) for c in (CAMPHOR.paper, CAMPHOR.track))
    assert grounds == [[paper, track], [track, paper]]


def test_a_cell_that_is_being_drawn_harms_nothing() -> None:
    for cell in (
        blank("card"),
        replace(blank("card"), x=-90, y=-90, width=300, height=300),
        replace(blank("card"), x=2400, y=800, width=900, height=900, is_main=True),
    ):
        assert pictures.thumbnail(
            Design("compact", "選單", (Page(FREE, (cell,)),)), 0, CAMPHOR, width=500
        )


def test_what_is_no_picture_is_told_apart() -> None:
    assert pictures.looked_at(b"GIF89a") == (None, 0, 0)
    assert pictures.looked_at(pictures.picture(GUEST, 0, CAMPHOR)) == ("PNG", 2500, 843)
