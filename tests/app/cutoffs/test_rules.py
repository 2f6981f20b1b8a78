"""Who is among the top few, and which thresholds follow."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cutoffs.rules import Cut, cut, frozen, places
from app.programmes.rules import DEFAULT, Recomputed, Terms, Tier, check, from_document, to_document
from app.tiers.rules import recomputed_on, recomputed_since, words


def ladder(gold: int = 15, platinum: int = 5, *, floor: int = 20_000) -> Terms:
    basic, silver, upper, top = DEFAULT.tiers
    return replace(
        DEFAULT,
        tiers=(
            basic,
            silver,
            replace(upper, top_percent=gold, floor=floor),
            replace(top, top_percent=platinum, floor=floor),
        ),
    )


@pytest.mark.parametrize(
    ("ranked", "percent", "number"),
    [(0, 5, 0), (1, 5, 1), (20, 5, 1), (21, 5, 2), (40, 5, 2), (41, 5, 3), (100, 50, 50)],
)
def test_a_part_of_a_place_is_a_place(ranked: int, percent: int, number: int) -> None:
    assert places(ranked, percent) == number


@pytest.mark.parametrize(
    ("amounts", "amount"),
    [
        ([], 0),
        ([700], 700),
        ([100, 200, 300, 400], 400),
        ([100, 200, 400, 400, 400], 400),  # ties are all in
        ([500] * 100, 500),
    ],
)
def test_the_cut_is_what_the_last_among_the_top_spent(amounts: list[int], amount: int) -> None:
    tier = replace(DEFAULT.tiers[2], top_percent=20, floor=1)
    assert cut(tier, amounts) == Cut("gold", 20, len(amounts), amount)


@given(
    st.lists(st.integers(1, 200_000), max_size=60),
    st.integers(1, 49),
    st.integers(5_001, 100_000),
)
def test_thresholds_rise_hold_their_floors_and_let_ties_in(
    amounts: list[int], percent: int, floor: int
) -> None:
    terms = ladder(percent + 1, percent, floor=floor)
    gold, platinum = terms.tiers[2:]
    new = frozen(terms, {"gold": cut(gold, amounts), "platinum": cut(platinum, amounts)})
    assert check(new) == []
    lower, upper = (tier.threshold for tier in new.tiers[2:])
    assert floor <= lower < upper
    reached = [amount for amount in amounts if amount >= lower]
    number = places(len(amounts), percent + 1)
    if lower > floor and number:
        assert len([amount for amount in amounts if amount > lower]) < number <= len(reached)


def test_a_member_without_competition_still_needs_the_floor() -> None:
    new = frozen(ladder(), {"gold": Cut("gold", 15, 0, 0), "platinum": Cut("platinum", 5, 1, 90)})
    assert [tier.threshold for tier in new.tiers] == [0, 5_000, 20_000, 20_001]


@pytest.mark.parametrize(
    ("tiers", "reason"),
    [
        ({2: {"floor": 0}}, "前百分比的等級須有最低金額"),
        ({2: {"top_percent": 51}}, "前百分比須為 1–50"),
        ({3: {"top_percent": 15}}, "越高的等級，前百分比須越小"),
        ({3: {"floor": 6_000}}, "最低金額須由低到高"),
        ({3: {"top_percent": None, "floor": 0}}, "前百分比等級的上一級也須用前百分比"),
        ({2: {"floor": 5_000}}, "最低金額須高於前一級的門檻"),
        ({1: {"floor": 100}}, "沒有前百分比的等級不可設最低金額"),
        ({2: {"threshold": 19_000}}, "門檻不可低於最低金額"),
        ({2: {"is_invite_only": True}}, "第一個等級與邀請制等級不可用前百分比"),
    ],
)
def test_what_contradicts_itself_is_refused(
    tiers: dict[int, dict[str, object]], reason: str
) -> None:
    changed = [
        replace(tier, **tiers.get(index, {}))  # type: ignore[arg-type]  # as named
        for index, tier in enumerate(ladder().tiers)
    ]
    assert reason in check(replace(DEFAULT, tiers=tuple(changed)))


def test_only_rolling_months_can_be_ranked() -> None:
    terms = replace(ladder(), tiering=replace(DEFAULT.tiering, window="calendar_year"))
    assert "前百分比的等級只能用近 N 個月（rolling）累計" in check(terms)
    assert check(ladder()) == []
    assert from_document(to_document(ladder())) == ladder()


@pytest.mark.parametrize(
    ("every", "day", "since", "on"),
    [
        ("quarter", "2026-06-30", "2026-04-01", "2026-07-01"),
        ("quarter", "2026-07-01", "2026-07-01", "2026-10-01"),
        ("quarter", "2026-12-31", "2026-10-01", "2027-01-01"),
        ("month", "2026-12-31", "2026-12-01", "2027-01-01"),
        ("month", "2028-02-29", "2028-02-01", "2028-03-01"),
    ],
)
def test_the_day_is_fixed(every: Recomputed, day: str, since: str, on: str) -> None:
    tiering = replace(DEFAULT.tiering, recomputed=every)
    today = date.fromisoformat(day)
    assert recomputed_since(tiering, today) == date.fromisoformat(since)
    assert recomputed_on(tiering, today) == date.fromisoformat(on)


def test_the_goal_is_said_with_the_day() -> None:
    tier: Tier = ladder().tiers[2]
    assert words.goals(tier, DEFAULT.tiering, date(2026, 5, 5)) == (
        "12 個月消費滿 NT$20,000（消費前 15% 的會員；目前門檻，7/1 重新計算）"
    )
    assert words.goals(tier, DEFAULT.tiering).endswith("每季重新計算）")
