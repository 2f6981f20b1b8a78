"""Pictures that LINE takes and people can read."""

import io

import pytest
from PIL import Image

from app.richmenus import pictures, rules
from app.richmenus.rules import MENUS, Menu
from flex_templates.theme import CAMPHOR, THEMES


@pytest.mark.parametrize("menu", MENUS, ids=lambda menu: menu.alias)
def test_the_picture_has_the_size_and_weight_line_wants(menu: Menu) -> None:
    packed = pictures.picture(menu, CAMPHOR)

    with Image.open(io.BytesIO(packed)) as image:
        assert image.format == "PNG"
        assert image.size == (rules.WIDTH, menu.height)
    assert len(packed) <= rules.MAX_PICTURE_BYTES


def test_the_font_knows_every_word() -> None:
    words = {sign for menu in MENUS for cell in menu.cells for sign in cell.word + cell.caption}
    font = pictures._font(60)
    missing = bytes(font.getmask("\U0010fffd"))

    assert [sign for sign in words if bytes(font.getmask(sign)) == missing] == []


def test_the_picture_wears_the_brand_colour() -> None:
    for theme in THEMES.values():
        with Image.open(io.BytesIO(pictures.picture(rules.GUEST, theme))) as image:
            corner = image.convert("RGB").getpixel((0, 0))
        assert corner == tuple(bytes.fromhex(theme.cover_end[1:]))
