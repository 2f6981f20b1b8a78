"""Colours that can be read, in every theme and on every card face."""

import pytest

from flex_templates import theme
from flex_templates.theme import THEMES

READABLE = 4.5  # WCAG AA for normal text


@pytest.mark.parametrize("code", sorted(THEMES))
def test_every_pair_of_letters_and_ground_is_readable(code: str) -> None:
    low = [
        (letters, ground, round(theme.contrast(letters, ground), 2))
        for letters, ground in THEMES[code].contrasts()
        if theme.contrast(letters, ground) < READABLE
    ]

    assert low == []


def test_contrast_of_black_on_white_is_the_largest() -> None:
    assert theme.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert theme.contrast("#777777", "#777777") == pytest.approx(1)


def test_there_are_at_least_three_themes_that_differ() -> None:
    assert len({dress.primary for dress in THEMES.values()}) >= 3


def test_an_unknown_theme_or_tier_colour_still_gives_a_card() -> None:
    dress = theme.named("no such theme", brand="青禾選物")

    assert dress.brand == "青禾選物"
    assert dress.tier("no such colour") == dress.plain
