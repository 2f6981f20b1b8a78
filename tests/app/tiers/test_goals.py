"""Tiers by visits, points or one large purchase, and several goals at once."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.programmes.rules import DEFAULT, Match, Terms, Tier, check
from app.tiers import rules
from app.tiers.rules import Counted, Missing, Sums, words

AMOUNTS = st.integers(0, 100_000)
SUMS = st.builds(Sums, AMOUNTS, st.integers(0, 60), st.integers(0, 2_000), AMOUNTS)
NEEDS = st.none() | st.integers(1, 2_000)


def ladder(*upper: Tier) -> Terms:
    return replace(DEFAULT, tiers=(DEFAULT.tiers[0], *upper))


def gold(**goals: object) -> Tier:
    return Tier("gold", "金卡", **({"threshold": 0} | goals))  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("goals", "sums", "reached"),
    [
        ({"visits": 10}, Sums(visits=10), True),
        ({"visits": 10}, Sums(spend=1_000_000, visits=9), False),
        ({"points": 500}, Sums(points=500), True),
        ({"points": 500}, Sums(points=499), False),
        ({"single": 8_000}, Sums(spend=16_000, single=7_999), False),
        ({"single": 8_000}, Sums(spend=8_000, single=8_000), True),
        ({"threshold": 20_000, "visits": 10}, Sums(spend=20_000, visits=1), True),
        ({"threshold": 20_000, "visits": 10}, Sums(spend=1_000, visits=10), True),
        ({"threshold": 20_000, "visits": 10}, Sums(spend=19_999, visits=9), False),
        ({"threshold": 20_000, "visits": 10, "match": "all"}, Sums(20_000, 9), False),
        ({"threshold": 20_000, "visits": 10, "match": "all"}, Sums(19_999, 10), False),
        ({"threshold": 20_000, "visits": 10, "match": "all"}, Sums(20_000, 10), True),
    ],
)
def test_which_sums_reach_a_tier(goals: dict[str, object], sums: Sums, reached: bool) -> None:
    terms = ladder(gold(**goals))
    assert check(terms) == []
    assert (rules.earned_tier(terms, sums).code == "gold") is reached
    assert rules.at_expiry(terms, "gold", sums).is_renewed is reached


@given(NEEDS, NEEDS, NEEDS, st.sampled_from(["any", "all"]), SUMS, SUMS)
def test_more_of_anything_never_lowers_a_tier(
    visits: int | None, points: int | None, single: int | None, match: Match, sums: Sums, more: Sums
) -> None:
    tier = gold(threshold=20_000, visits=visits, points=points, single=single, match=match)
    terms = ladder(tier)
    before = terms.rank(rules.earned_tier(terms, sums).code)
    assert terms.rank(rules.earned_tier(terms, sums + more).code) >= before


@given(NEEDS, NEEDS, NEEDS, st.sampled_from(["any", "all"]), SUMS)
def test_doing_what_is_missing_reaches_the_tier(
    visits: int | None, points: int | None, single: int | None, match: Match, sums: Sums
) -> None:
    terms = ladder(gold(threshold=20_000, visits=visits, points=points, single=single, match=match))
    seen = progress(terms, sums)
    steps = seen.missing[:1] if match == "any" else seen.missing
    for step in steps:
        sums += Sums(**{step.measure: step.amount})
    assert rules.earned_tier(terms, sums).code == "gold"
    assert 0 <= seen.percent <= 99


def progress(terms: Terms, sums: Sums, *, code: str = "basic") -> rules.Progress:
    return rules.progress(
        terms,
        code=code,
        counted=Counted(sums, None),
        today=date(2026, 7, 4),
        joined_on=date(2025, 1, 1),
    )


def test_the_nearest_of_several_ways_is_shown_and_all_are_said() -> None:
    terms = ladder(gold(threshold=20_000, visits=10, single=8_000))
    seen = progress(terms, Sums(18_760, 4, 0, 2_000))
    assert (seen.percent, seen.to_next) == (93, 1_240)
    assert words.way_up(seen) == "再消費 NT$1,240，或再消費 6 次，或單筆消費滿 NT$8,000"


def test_of_several_duties_the_farthest_is_shown_and_the_done_ones_are_not_said() -> None:
    terms = ladder(gold(threshold=20_000, visits=10, points=300, match="all"))
    seen = progress(terms, Sums(25_000, 4, 150))
    assert seen.missing == (Missing("visits", 6, 40), Missing("points", 150, 50))
    assert (seen.percent, seen.to_next) == (40, 0)
    assert words.way_up(seen) == "再消費 6 次，並且再以消費得 150 點"


@pytest.mark.parametrize(
    ("tier", "tiering", "said"),
    [
        (DEFAULT.tiers[0], {}, "加入即享"),
        (DEFAULT.tiers[1], {}, "12 個月消費滿 NT$5,000"),
        (DEFAULT.tiers[1], {"window": "calendar_year"}, "一個年度（1–12 月）消費滿 NT$5,000"),
        (DEFAULT.tiers[1], {"window": "anniversary"}, "一個會員年度消費滿 NT$5,000"),
        (DEFAULT.tiers[1], {"window": "lifetime"}, "累計消費滿 NT$5,000"),
        (gold(visits=10, single=8_000), {}, "12 個月消費 10 次，或單筆消費滿 NT$8,000"),
        (gold(visits=10, points=90, match="all"), {}, "12 個月消費 10 次，並且消費得 90 點"),
        (Tier("black", "黑卡", 0, is_invite_only=True), {}, "邀請制"),
    ],
)
def test_the_goals_in_words(tier: Tier, tiering: dict[str, object], said: str) -> None:
    terms = replace(DEFAULT.tiering, **tiering)  # type: ignore[arg-type]  # by name
    assert words.goals(tier, terms) == said


@pytest.mark.parametrize(
    ("upper", "wrong"),
    [
        ([gold()], "等級門檻須由低到高遞增"),
        ([gold(visits=0)], "須大於 0"),
        ([Tier("silver", "銀卡", 0, visits=10), gold(visits=10)], "等級門檻須由低到高遞增"),
        ([gold(visits=5, renewal=1_000)], "沒有消費門檻的等級不可設續等金額"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(upper: list[Tier], wrong: str) -> None:
    assert wrong in check(ladder(*upper))


def test_the_first_tier_asks_for_nothing() -> None:
    first = replace(DEFAULT.tiers[0], visits=3)
    assert check(replace(DEFAULT, tiers=(first, *DEFAULT.tiers[1:]))) == [
        "第一個等級人人都有，不可設條件"
    ]
