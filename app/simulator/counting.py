"""How LINE counts characters: UTF-16 code units, or grapheme clusters for labels and the like.

https://developers.line.biz/en/docs/messaging-api/text-character-count/
"""

import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_EXTENDING = frozenset({"Mn", "Me", "Mc"})


def utf16_length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for char in text if char > "\uffff")


def is_over_utf16(text: str, limit: int) -> bool:
    return 2 * len(text) > limit and utf16_length(text) > limit


def is_over_graphemes(text: str, limit: int) -> bool:
    return len(text) > limit and grapheme_length(text) > limit


def grapheme_length(text: str) -> int:
    """Count what a reader sees as characters (UAX #29 without the Indic conjunct rule)."""
    count = 0
    previous = ""
    flags = 0  # regional indicators in a row, which pair up into flags
    for char in text:
        is_flag = "\U0001f1e6" <= char <= "\U0001f1ff"
        joins = previous and (
            _extends(char)
            or previous == _ZERO_WIDTH_JOINER
            or (previous == "\r" and char == "\n")
            or (is_flag and flags % 2 == 1)
            or _continues_hangul(previous, char)
        )
        if not joins:
            count += 1
        flags = flags + 1 if is_flag else 0
        previous = char
    return count


def _extends(char: str) -> bool:
    return (
        char == _ZERO_WIDTH_JOINER
        or char == "\u200c"
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags of subdivision flags
        or unicodedata.category(char) in _EXTENDING
    )


def _continues_hangul(previous: str, char: str) -> bool:
    leading, vowel, trailing = "\u1100", "\u1160", "\u11a8"
    if not leading <= char <= "\u11ff" and not "\uac00" <= char <= "\ud7a3":
        return False
    if leading <= previous < vowel:
        return char < trailing or char >= "\uac00"
    is_open = vowel <= previous < trailing or (
        "\uac00" <= previous <= "\ud7a3" and (ord(previous) - 0xAC00) % 28 == 0
    )
    if is_open:
        return vowel <= char <= "\u11ff"
    is_closed = trailing <= previous <= "\u11ff" or "\uac00" <= previous <= "\ud7a3"
    return is_closed and trailing <= char <= "\u11ff"
