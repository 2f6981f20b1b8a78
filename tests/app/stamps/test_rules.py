"""How purchases fill stamp cards: worked examples, and the same against a count by hand."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stamps import rules
from app.stamps.rules import Milestone, Sale, StampDraft, Version

FIRST = date(2026, 3, 1)
DAY = timedelta(days=1)
TEA = StampDraft(
    "tea",
    "茶香集點卡",
    10,
    (Milestone(5, points=30), Milestone(10, coupon="cup")),
    starts_on=FIRST,
    amount=100,
)
EACH = replace(TEA, per="amount", cap_per_day=None)


def filled(draft: StampDraft, *sales: tuple[int, int]) -> list[int]:
    """Stamps of each card after sales of (day of March, NT$)."""
    given = [Sale(i, FIRST + (day - 1) * DAY, net) for i, (day, net) in enumerate(sales)]
    return [sheet.stamps for sheet in rules.sheets([Version(FIRST, draft)], given)]


@pytest.mark.parametrize(
    ("draft", "sales", "cards"),
    [
        (TEA, [], []),
        (TEA, [(1, 99)], []),
        (TEA, [(1, 100)], [1]),
        (TEA, [(1, 100), (1, 5_000)], [1]),  # one a day
        (TEA, [(1, 100), (2, 100), (2, 100), (9, 100)], [3]),
        (replace(TEA, cap_per_day=3), [(1, 100)] * 5, [3]),
        (replace(TEA, cap_per_day=None), [(1, 100)] * 5, [5]),
        (EACH, [(1, 99), (1, 199)], [1]),  # each sale for itself
        (EACH, [(1, 1_000)], [10]),
        (EACH, [(1, 1_250)], [10, 2]),  # what is too much goes on the next card
        (EACH, [(1, 3_500)], [10, 10, 10, 5]),
        (replace(EACH, cap_per_day=4), [(1, 1_000), (2, 300)], [7]),
        (replace(EACH, repeats=False), [(1, 1_250), (2, 500)], [10]),
        (replace(TEA, gap_days=7), [(1, 100), (7, 100), (8, 100), (9, 100)], [2]),
        (replace(TEA, gap_days=7), [(1, 99), (2, 100), (8, 100), (9, 100)], [2]),
        (replace(TEA, ends_on=FIRST + DAY), [(1, 100), (2, 100), (3, 100)], [2]),
        (replace(TEA, starts_on=FIRST + DAY), [(1, 100), (2, 100)], [1]),
    ],
)
def test_cards_fill_as_their_terms_say(
    draft: StampDraft, sales: list[tuple[int, int]], cards: list[int]
) -> None:
    assert filled(draft, *sales) == cards


def test_only_the_stores_named_stamp() -> None:
    draft = replace(TEA, stores=("taipei",))
    sales = [Sale(1, FIRST, 100, "taipei"), Sale(2, FIRST + DAY, 100, "tainan"), Sale(3, FIRST, 9)]
    (sheet,) = rules.sheets([Version(FIRST, draft)], sales)
    assert [day.sales for day in sheet.days] == [(1,)]


def test_a_card_begun_keeps_its_size_and_new_days_the_new_worth() -> None:
    smaller = replace(TEA, size=4, milestones=(Milestone(4, points=9),), amount=500)
    versions = [Version(FIRST, TEA), Version(FIRST + 3 * DAY, smaller)]
    sales = [Sale(day, FIRST + day * DAY, 100 if day < 3 else 500) for day in range(16)]
    sheets = rules.sheets(versions, sales)
    assert [(sheet.terms.size, sheet.stamps) for sheet in sheets] == [(10, 10), (4, 4), (4, 2)]
    assert rules.sheets(versions, [Sale(1, FIRST + 5 * DAY, 499)]) == []
    assert [item.points for item in rules.reached(sheets, 4)] == [9]
    assert [item.coupon for item in rules.reached(sheets, 10)] == ["cup"]


def test_the_29th_of_february_is_a_day_like_any_other() -> None:
    leap = replace(TEA, starts_on=date(2028, 2, 29), ends_on=date(2028, 2, 29))
    sales = [Sale(i, date(2028, 2, 28) + i * DAY, 100) for i in range(3)]
    (sheet,) = rules.sheets([Version(date(2028, 2, 1), leap)], sales)
    assert [day.on for day in sheet.days] == [date(2028, 2, 29)]


SALES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 2_500)).map(lambda item: item), max_size=40
)
DRAFTS = st.builds(
    lambda size, per, amount, cap, gap, repeats: StampDraft(
        "x",
        "x",
        size,
        (Milestone(size, points=1),),
        FIRST,
        per=per,
        amount=amount,
        cap_per_day=cap,
        gap_days=gap,
        repeats=repeats,
    ),
    st.integers(1, 12),
    st.sampled_from(["visit", "amount"]),
    st.integers(1, 900),
    st.none() | st.integers(1, 5),
    st.integers(1, 9),
    st.booleans(),
)


def by_hand(draft: StampDraft, sales: list[tuple[int, int]]) -> int:
    """All stamps, counted one day after the other."""
    total, last = 0, -100
    for day in range(41):
        today = 0
        for on, net in sales:
            if on == day and net >= draft.amount:
                today += 1 if draft.per == "visit" else net // draft.amount
        if draft.cap_per_day is not None:
            today = min(today, draft.cap_per_day)
        if today and day - last >= draft.gap_days:
            total, last = total + today, day
    return total if draft.repeats else min(total, draft.size)


@given(draft=DRAFTS, sales=SALES, order=st.randoms(use_true_random=False))
def test_stamps_are_those_counted_by_hand_in_any_order(
    draft: StampDraft, sales: list[tuple[int, int]], order: object
) -> None:
    given_sales = [Sale(i, FIRST + day * DAY, net) for i, (day, net) in enumerate(sales)]
    versions = [Version(FIRST, draft)]
    sheets = rules.sheets(versions, given_sales)
    total = sum(sheet.stamps for sheet in sheets)
    assert total == by_hand(draft, sales)
    assert all(sheet.room == 0 for sheet in sheets[:-1])
    assert len(rules.reached(sheets, draft.size)) == total // draft.size
    order.shuffle(given_sales)  # type: ignore[attr-defined]  # a Random
    assert rules.sheets(versions, given_sales) == sheets


@given(draft=DRAFTS.filter(lambda draft: draft.gap_days == 1), sales=SALES, which=st.integers(0))
def test_giving_back_never_adds_a_stamp(
    draft: StampDraft, sales: list[tuple[int, int]], which: int
) -> None:
    if not sales:
        return
    day, net = sales[which % len(sales)]
    less = [*sales]
    less[which % len(sales)] = (day, net // 2)
    assert sum(filled(draft, *[(d + 1, n) for d, n in less])) <= sum(
        filled(draft, *[(d + 1, n) for d, n in sales])
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"code": ""}, ("code",)),
        ({"name": "很" * 21}, ("name",)),
        ({"size": 0}, ("size",)),
        ({"size": 31}, ("size",)),
        ({"amount": 0}, ("amount",)),
        ({"cap_per_day": 0}, ("cap_per_day",)),
        ({"gap_days": 0}, ("gap_days",)),
        ({"ends_on": FIRST - DAY}, ("ends_on",)),
        ({"milestones": ()}, ("milestones",)),
        ({"milestones": (Milestone(5, 1), Milestone(5, 1))}, ("milestones", 1, "at")),
        ({"milestones": (Milestone(11, 1),)}, ("milestones", 0, "at")),
        ({"milestones": (Milestone(5),)}, ("milestones", 0)),
        ({"milestones": (Milestone(5, -1),)}, ("milestones", 0, "points")),
    ],
)
def test_contradictions_are_named(change: dict[str, object], path: tuple[object, ...]) -> None:
    assert list(rules.faults(TEA)) == []
    draft = replace(TEA, **change)  # type: ignore[arg-type]  # by name
    assert path in [found for found, _ in rules.faults(draft)]


def test_the_worked_example_of_the_guide() -> None:
    """`docs/program.md`: at most six a day, one for each NT$100 of a sale."""
    draft = replace(EACH, cap_per_day=6)
    first: list[tuple[int, int]] = [(2, 390), (2, 550), (3, 1_000)]
    assert filled(draft, first[0]) == [3]
    assert filled(draft, *first[:2]) == [6]
    assert filled(draft, *first) == [10, 2]
    assert filled(draft, (2, 390), (2, 0), (3, 1_000)) == [9]
    assert filled(draft, (2, 390), (2, 0), (3, 1_000), (4, 100)) == [10]
