"""The compiled card is the drawn card, byte for byte."""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flex_templates import card, theme
from flex_templates.parts import Link, Press, Say
from tests.flex_templates import samples

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [samples.LONG, '"', "\\", "\x00\x1f", '","', "\ue000", "\ue0010\ue001", "%s{0}", "\u2028", ""]
)
COUNTS = st.integers(-samples.HUGE, samples.HUGE)
DAYS = st.none() | st.dates(date(1912, 1, 1), date(2100, 12, 31))
TAPS = st.sampled_from(
    [Press("card"), Press("p:1", "會員碼"), Link("https://a.example"), Say("卡")]
)
VIEWS = st.builds(
    card.CardView,
    name=TEXTS,
    number=TEXTS,
    barcode_url=TEXTS.filter(bool),
    tier=TEXTS,
    tier_colour=st.sampled_from(["plain", "gold", "black", "odd"]),
    tier_until=DAYS,
    points=COUNTS,
    coupons=COUNTS,
    show_code=TAPS,
    my_points=TAPS,
    my_coupons=TAPS,
    benefits=st.none() | TAPS,
    pending=COUNTS,
    expiring=COUNTS,
    expires_on=DAYS,
    next_tier=TEXTS,
    way=TEXTS,
    next_until=DAYS,
    progress=COUNTS,
    way_to_keep=TEXTS,
)
CAST: list[Any] = [
    samples.SILVER_CARD,
    samples.NEW_CARD,
    samples.GOLD_CARD,
    samples.TOP_CARD,
    samples.LASTING_CARD,
    samples.LONG_CARD,
    samples.BLANK_CARD,
]


@settings(max_examples=300, deadline=timedelta(seconds=2))
@given(view=VIEWS, dress=st.sampled_from(list(theme.THEMES.values())))
def test_compiled_bytes_are_the_drawn_message(view: card.CardView, dress: theme.Theme) -> None:
    assert card.render_bytes(view, dress) == orjson.dumps(card.message(view, dress))


@pytest.mark.parametrize("view", CAST)
def test_every_sample_card_compiles_to_itself(view: card.CardView) -> None:
    dress = theme.named("roast", brand='A "quoted" \\ brand')

    assert card.render_bytes(view, dress) == orjson.dumps(card.message(view, dress))
