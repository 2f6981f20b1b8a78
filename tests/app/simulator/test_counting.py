import pytest

from app.simulator.counting import (
    grapheme_length,
    is_over_graphemes,
    is_over_utf16,
    utf16_length,
)


@pytest.mark.parametrize(
    ("words", "units", "clusters"),
    [
        ("", 0, 0),
        ("abc", 3, 3),
        ("會員卡", 3, 3),
        ("😀", 2, 1),
        ("👨‍👩‍👧‍👦", 11, 1),
        ("👍🏽", 4, 1),
        ("🇹🇼", 4, 1),
        ("🇹🇼🇯🇵", 8, 2),
        ("e\u0301", 2, 1),
        ("❤️", 2, 1),
        ("\r\n", 2, 1),
        ("한", 1, 1),
        ("\u1112\u1161\u11ab", 3, 1),
        ("𠮷野家", 4, 3),
    ],
)
def test_text_is_counted_in_code_units_and_in_what_a_reader_sees(
    words: str, units: int, clusters: int
) -> None:
    assert utf16_length(words) == units
    assert grapheme_length(words) == clusters


def test_emoji_use_up_a_utf16_limit_twice_as_fast_as_a_grapheme_limit() -> None:
    faces = "😀" * 20
    assert is_over_utf16(faces, 39)
    assert not is_over_utf16(faces, 40)
    assert not is_over_graphemes("👨‍👩‍👧‍👦" * 20, 20)
    assert is_over_graphemes("👨‍👩‍👧‍👦" * 21, 20)
