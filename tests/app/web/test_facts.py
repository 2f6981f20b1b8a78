from typing import Any

import pytest

from app.timeline.queries import TimelineEntry
from app.web import words
from app.web.console import charts, facts
from tests.support.times import NOW

TIERS = {"silver": "銀卡", "basic": "普卡"}


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"amount": 1_234, "earned": 12, "purchase_id": 7}, "金額 NT$1,234・獲得點數 12"),
        (
            {"from": "basic", "to": "silver", "until": "2027-09-25"},
            "原等級 普卡・新等級 銀卡・到期日 2027/09/25",
        ),
        ({"to": "dropped"}, "新等級 dropped"),
        ({"source": "birthday:2026-07"}, "來源 生日禮"),
        ({"source": "liff"}, "來源 會員頁面"),
        ({"discount": "odd", "points": 1_000}, "折抵 odd・點數 1,000"),
        ({"unknown": 1}, ""),
        ({}, ""),
    ],
)
def test_a_fact_becomes_a_sentence_whatever_it_holds(held: dict[str, Any], said: str) -> None:
    assert facts.detail(held, tiers=TIERS) == said


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"paid": 1290, "discount": 0}, "實收 NT$1,290・折抵 NT$0"),
        ({"by": "qr"}, "識別方式 會員卡 QR"),
        ({"refunded": 300, "approved_by": 5}, "累計退款 NT$300・核准人員編號 5"),
        ({"moon": [1]}, "moon [1]"),
    ],
)
def test_the_audit_log_leaves_nothing_out(held: dict[str, Any], said: str) -> None:
    assert facts.noted(held) == said


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/126.0.0.0 Mobile Safari/537.36",
            "Chrome・Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari・iPhone",
        ),
        ("testclient", "testclient"),
    ],
)
def test_a_device_is_named_by_browser_and_system(agent: str, said: str) -> None:
    assert words.device(agent) == said


def test_an_unknown_kind_is_shown_as_it_is() -> None:
    moment = facts.moment(TimelineEntry(1, "moon.landed", NOW, {}), tiers=TIERS)
    assert (moment.title, moment.family) == ("moon.landed", "moon")


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0, 4), (4, 4), (5, 6), (9, 10), (11, 12), (13, 20), (21, 30), (40, 40), (41, 50), (51, 60),
     (99, 100), (101, 120), (4_999, 5_000), (8_001, 10_000), (123_456, 150_000)],
)  # fmt: skip
def test_the_scale_ends_above_the_largest_at_a_round_even_number(largest: int, top: int) -> None:
    assert charts.nice_top(largest) == top


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "0"), (9_999, "9,999"), (10_000, "1萬"), (35_000, "3.5萬"), (1_200_000, "120萬")],
)
def test_large_numbers_are_short_on_the_scale(value: int, label: str) -> None:
    assert charts.short(value) == label
