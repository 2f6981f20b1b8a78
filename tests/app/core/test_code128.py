import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from app.core import code128

FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.Code128)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=24)


def read(text: str) -> str:
    """Draw the bars and let a scanner's library read them."""
    quiet, scale = code128.QUIET_ZONE, 2
    size = ((code128.width(text) + 2 * quiet) * scale, 60)
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for at, wide in code128.bars(text):
        left = (quiet + at) * scale
        draw.rectangle((left, 0, left + wide * scale - 1, 59), fill=0)
    found = zxingcpp.read_barcodes(image, formats=FORMATS)
    assert len(found) == 1
    return str(found[0].text)


@pytest.mark.parametrize(
    "text",
    ["1234567897", "A1", "12", "1", "ABCD2345WXYZ", "AB123456CD", "12345", "x12345678y", "/A B~"],
)  # fmt: skip
def test_a_scanner_reads_what_was_written(text: str) -> None:
    assert read(text) == text


@settings(max_examples=60, deadline=None)
@given(PRINTABLE)
def test_a_scanner_reads_any_printable_text(text: str) -> None:
    assert read(text) == text


def test_the_check_symbol_weighs_each_place() -> None:
    assert code128.symbols("AB") == [104, 33, 34, (104 + 33 + 2 * 34) % 103, 106]


def test_digits_go_in_pairs() -> None:
    assert code128.symbols("1234567897")[:6] == [105, 12, 34, 56, 78, 97]
    assert code128.width("1234567897") == 11 * 7 + 13


@pytest.mark.parametrize("text", ["", "會員", "a\n", "\x7f"])
def test_what_cannot_be_encoded_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        code128.symbols(text)


def test_the_drawing_has_a_quiet_zone_and_no_style() -> None:
    drawing = code128.svg("1234567897")
    assert 'viewBox="0 0 110 40"' in drawing
    assert "M10 0" in drawing
    assert "style" not in drawing
