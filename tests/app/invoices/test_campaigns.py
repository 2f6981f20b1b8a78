"""Which invoices earn something: one test a term."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.invoices.rules import campaigns
from app.invoices.rules.campaigns import InvoiceRefused, Used
from app.invoices.rules.slips import Slip, SlipItem
from app.programmes.rules import InvoiceTerms

TODAY = date(2026, 7, 4)
TERMS = InvoiceTerms(is_on=True, sellers=("04595257",), min_total=100, cap_per_period=9)
SLIP = Slip("AB12345678", "11508", TODAY, "1234", None, 340, seller="04595257")
NONE = Used(0, 0)


def why(slip: Slip, terms: InvoiceTerms = TERMS, used: Used = NONE) -> str | None:
    try:
        campaigns.check(slip, terms, today=TODAY, used=used)
    except InvoiceRefused as refused:
        return refused.reason
    return None


@pytest.mark.parametrize(
    ("slip", "reason"),
    [
        (SLIP, None),
        (replace(SLIP, total=100), None),
        (replace(SLIP, total=99), "min_total"),
        (replace(SLIP, buyer="04595257"), "business"),
        (replace(SLIP, seller="10458575"), "seller"),
        (replace(SLIP, total=None), "needs_qr"),
        (replace(SLIP, sold_on=TODAY + timedelta(days=1)), "future"),
        (replace(SLIP, sold_on=TODAY - timedelta(days=60)), None),
        (replace(SLIP, sold_on=TODAY - timedelta(days=61)), "too_old"),
    ],
)
def test_what_the_slip_says(slip: Slip, reason: str | None) -> None:
    assert why(slip) == reason


def test_caps_and_the_switch() -> None:
    assert why(SLIP, used=Used(4, 8)) is None
    assert why(SLIP, used=Used(5, 5)) == "cap_day"
    assert why(SLIP, used=Used(0, 9)) == "cap_period"
    assert why(SLIP, replace(TERMS, is_on=False)) == "off"


@pytest.mark.parametrize(
    ("names", "keywords", "excluded", "fits"),
    [
        ((), (), (), True),
        (("焙茶拿鐵",), ("焙茶",), (), True),
        (("紅茶",), ("焙茶",), (), False),
        ((), ("焙茶",), (), False),
        (("臺灣茶",), ("台灣",), (), True),
        (("ＴＥＡ",), ("tea",), (), True),
        (("焙茶禮券",), ("焙茶",), ("禮券",), False),
        (("焙茶禮券", "焙茶"), ("焙茶",), ("禮券",), True),
        (("購物袋",), (), ("購物袋",), False),
        (("購物袋", "茶"), (), ("購物袋",), True),
    ],
)
def test_keywords(
    names: tuple[str, ...], keywords: tuple[str, ...], excluded: tuple[str, ...], fits: bool
) -> None:
    terms = replace(TERMS, keywords=keywords, excluded_keywords=excluded)
    items = tuple(SlipItem(name, Decimal(1), Decimal(1)) for name in names)
    assert why(replace(SLIP, items=items), terms) == (None if fits else "keywords")
