from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import TAIPEI
from app.points import rules
from app.points.rules import Factor, Formula, Lot, NotEnoughPoints, Take
from app.programmes.rules import Campaign, Combine, Earning, PointTerms, Redemption
from tests.support.times import NOW

DAY = timedelta(days=1)


def taipei(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TAIPEI)


def lot(
    number: int,
    remaining: int,
    *,
    expires: datetime | None = None,
    earned: datetime = NOW,
    usable: datetime | None = None,
    active: bool = True,
) -> Lot:
    return Lot(number, remaining, earned, usable or earned, expires, active)


GOLD = Factor("金卡", 150)


@pytest.mark.parametrize(
    ("amount", "formula", "base", "bonus"),
    [
        (99, Formula(100, 1), 0, 0),
        (100, Formula(100, 1), 1, 0),
        (790, Formula(100, 1), 7, 0),
        (790, Formula(100, 3), 21, 0),
        (790, Formula(100, 1, (GOLD,)), 7, 3),  # floor(7 × 0.5)
        (2_050, Formula(100, 1, (Factor("銀卡", 120),)), 20, 4),
        (0, Formula(100, 1, (GOLD,)), 0, 0),
    ],
)
def test_points_are_floored_once_per_sale(
    amount: int, formula: Formula, base: int, bonus: int
) -> None:
    assert rules.earned(amount, formula) == rules.Earned(base, bonus, base + bonus)


@pytest.mark.parametrize(
    ("combine", "bonus"),
    [("max", 1_000), ("sum", 1_500), ("product", 2_000)],  # ×1.5 and ×2 on 1,000 points
)
def test_multipliers_combine_as_the_terms_say(combine: Combine, bonus: int) -> None:
    formula = Formula(100, 1, (GOLD, Factor("生日月", 200)), combine)
    assert rules.earned(100_000, formula).bonus == bonus


def test_three_multipliers_of_a_third_more_do_not_lose_a_point_to_rounding() -> None:
    formula = Formula(1, 1, (Factor("a", 110), Factor("b", 110), Factor("c", 110)), "product")
    assert rules.earned(1_000, formula).bonus == 331


def test_a_cap_cuts_the_total() -> None:
    assert rules.earned(100_000, Formula(100, 1, (GOLD,), cap=1_200)).total == 1_200


def test_what_multiplies_a_sale_is_decided_at_its_time() -> None:
    begin, end = taipei("2026-07-01T00:00"), taipei("2026-08-01T00:00")
    earning = Earning(
        birthday_percent=200, campaigns=(Campaign("july", "七月加碼", begin, end, 300),)
    )

    def names(sold_at: datetime, *, birthday: bool) -> list[str]:
        formula = rules.formula_for(
            earning, tier=("金卡", 150), is_birthday_month=birthday, sold_at=sold_at
        )
        return [factor.name for factor in formula.factors]

    assert names(begin, birthday=True) == ["金卡", "生日月", "七月加碼"]
    assert names(end, birthday=False) == ["金卡"]


def test_the_smaller_of_two_caps_holds() -> None:
    formula = rules.formula_for(
        Earning(cap_per_sale=50),
        tier=("普卡", 100),
        is_birthday_month=False,
        sold_at=NOW,
        room_today=20,
    )
    assert (formula.cap, formula.factors) == (20, ())


@given(
    st.integers(0, 50_000),
    st.lists(st.integers(1, 20_000), max_size=6),
    st.sampled_from(["max", "sum", "product"]),
    st.lists(st.integers(100, 400), max_size=3),
    st.one_of(st.none(), st.integers(0, 400)),
)
def test_partial_refunds_add_up_to_exactly_what_was_earned(
    amount: int, refunds: list[int], combine: Combine, percents: list[int], cap: int | None
) -> None:
    factors = tuple(Factor(str(percent), percent) for percent in percents)
    formula = Formula(100, 1, factors, combine, cap)
    total = kept = rules.earned(amount, formula).total
    remaining = amount
    for refund in [*refunds, amount]:
        remaining = max(0, remaining - refund)
        revoked = rules.to_revoke(formula, remaining=remaining, kept=kept)
        kept -= revoked
        assert 0 <= kept <= total
        assert kept == rules.earned(remaining, formula).total
    assert kept == 0


def test_a_formula_survives_its_facts() -> None:
    formula = Formula(100, 2, (GOLD,), "sum", 30)
    assert rules.formula_from_facts(rules.formula_to_facts(formula)) == formula


@pytest.mark.parametrize(
    ("days", "earned", "usable"),
    [
        (7, "2026-05-01T15:00", "2026-05-08T00:00"),
        (7, "2026-05-01T00:00", "2026-05-08T00:00"),
        (0, "2026-05-01T15:00", "2026-05-01T15:00"),
        (14, "2026-02-20T23:59:59", "2026-03-06T00:00"),
    ],
)
def test_points_wait_for_the_return_window(days: int, earned: str, usable: str) -> None:
    assert rules.usable_from(PointTerms(pending_days=days), taipei(earned)) == taipei(usable)


@pytest.mark.parametrize(
    ("terms", "earned", "gone"),
    [
        (PointTerms(expiry_months=12), "2026-05-03T12:00", "2027-06-01T00:00"),
        (PointTerms(expiry_months=12), "2026-05-31T23:59:59", "2027-06-01T00:00"),
        (PointTerms(expiry_months=1), "2026-12-31T08:00", "2027-02-01T00:00"),
        (PointTerms(expiry="end_of_next_year"), "2026-01-01T00:00", "2028-01-01T00:00"),
        (
            PointTerms(expiry="after_activity", expiry_months=6),
            "2026-08-31T10:00",
            "2027-03-01T00:00",
        ),
        (
            PointTerms(expiry="after_activity", expiry_months=12),
            "2028-02-29T10:00",
            "2029-03-01T00:00",
        ),
    ],
)
def test_the_last_moment_is_the_end_of_the_expiry_date(
    terms: PointTerms, earned: str, gone: str
) -> None:
    assert rules.expires_at(terms, taipei(earned)) == taipei(gone)


def test_points_may_never_expire() -> None:
    assert rules.expires_at(PointTerms(expiry="never"), NOW) is None


def test_restored_points_live_at_least_two_weeks() -> None:
    now = taipei("2026-07-04T12:00")
    least = taipei("2026-07-19T00:00")  # through 18 July
    terms = PointTerms()
    assert rules.restored_until(terms, now - DAY, now) == least
    assert rules.restored_until(terms, now + DAY, now) == least
    assert rules.restored_until(terms, now + 90 * DAY, now) == now + 90 * DAY
    assert rules.restored_until(terms, None, now) is None


def test_points_that_expire_first_are_spent_first_and_lasting_ones_last() -> None:
    lots = [
        lot(1, 5),
        lot(2, 5, expires=NOW + 9 * DAY),
        lot(3, 5, expires=NOW + 3 * DAY, earned=NOW - DAY),
        lot(4, 5, expires=NOW + 3 * DAY, earned=NOW - 2 * DAY),
        lot(5, 99, active=False),
    ]
    assert rules.spend(lots, 17) == [Take(4, 5), Take(3, 5), Take(2, 5), Take(1, 2)]


def test_spending_is_all_or_nothing_and_pending_points_do_not_count() -> None:
    with pytest.raises(NotEnoughPoints) as refused:
        rules.spend([lot(1, 5), lot(2, 9, active=False)], 6)
    assert (refused.value.balance, refused.value.asked) == (5, 6)


def test_nothing_is_spent_while_there_is_debt() -> None:
    with pytest.raises(NotEnoughPoints):
        rules.spend([lot(1, 5)], 1, debt=2)


def test_a_revocation_takes_its_own_lot_first_then_others_then_becomes_debt() -> None:
    lots = [
        lot(1, 3, active=False),
        lot(2, 4, expires=NOW + DAY),
        lot(3, 5),
        lot(4, 50, active=False),
    ]
    assert rules.take_back(lots, 1, 10) == ([Take(1, 3), Take(2, 4), Take(3, 3)], 0)
    assert rules.take_back(lots, 1, 15) == ([Take(1, 3), Take(2, 4), Take(3, 5)], 3)


def test_a_lot_becomes_usable_and_lapses_at_its_instants() -> None:
    usable, gone = NOW + DAY, NOW + 5 * DAY
    pending = [lot(1, 8, usable=usable, expires=gone, active=False)]
    instant = timedelta(microseconds=1)

    def seen(now: datetime) -> tuple[int, int]:
        standing = rules.standing_at(pending, 0, now)
        return standing.balance, standing.pending

    assert [seen(usable - instant), seen(usable), seen(gone - instant), seen(gone)] == [
        (0, 8),
        (8, 0),
        (8, 0),
        (0, 0),
    ]


def test_what_becomes_usable_repays_debt_first() -> None:
    lots = [lot(1, 8, usable=NOW + DAY, active=False), lot(2, 8, usable=NOW + DAY, active=False)]
    changes = rules.due_changes(lots, 10, NOW + DAY)
    assert [(change.kind, change.lot_id, change.points) for change in changes] == [
        ("activate", 1, 8),
        ("repay", 1, 8),
        ("activate", 2, 8),
        ("repay", 2, 2),
    ]


def test_the_next_expiry_adds_up_lots_of_the_same_date() -> None:
    lots = [
        lot(1, 8, expires=NOW + DAY),
        lot(2, 5, expires=NOW + DAY),
        lot(3, 9, expires=NOW + 2 * DAY),
        lot(4, 7, expires=NOW + DAY, active=False, usable=NOW + timedelta(hours=1)),
    ]
    standing = rules.folded(lots, 0)
    assert (standing.next_expiry_points, standing.next_expiry_at) == (13, NOW + DAY)
    assert standing.next_change_at == NOW + timedelta(hours=1)


moments = st.integers(-5, 30).map(lambda days: NOW + days * DAY)


@st.composite
def some_lots(draw: st.DrawFn) -> list[Lot]:
    return [
        Lot(
            number,
            draw(st.integers(1, 50)),
            draw(moments),
            draw(moments),
            draw(st.one_of(st.none(), moments)),
            draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@given(some_lots(), st.integers(0, 60), moments, moments)
def test_settling_in_two_steps_equals_settling_once(
    lots: list[Lot], debt: int, one: datetime, two: datetime
) -> None:
    early, late = sorted((one, two))
    first = rules.due_changes(lots, debt, early)
    owed = debt - sum(change.points for change in first if change.kind == "repay")
    assert rules.standing_at(rules.changed_by(lots, first), owed, late) == rules.standing_at(
        lots, debt, late
    )


@given(some_lots(), st.integers(0, 60), moments)
def test_time_never_takes_a_balance_below_zero(lots: list[Lot], debt: int, now: datetime) -> None:
    before = rules.folded(lots, debt)
    after = rules.standing_at(lots, debt, now)
    assert after.balance >= min(before.balance, -debt)
    assert after.debt <= debt
    assert after.pending <= before.pending


@given(some_lots(), st.integers(1, 100))
def test_spending_takes_exactly_what_was_asked(lots: list[Lot], points: int) -> None:
    usable = sum(item.remaining for item in lots if item.is_active)
    if usable < points:
        with pytest.raises(NotEnoughPoints):
            rules.spend(lots, points)
    else:
        takes = rules.spend(lots, points)
        assert sum(take.points for take in takes) == points
        assert all(take.points > 0 for take in takes)


@pytest.mark.parametrize(
    ("rule", "balance", "amount", "most"),
    [
        (Redemption(is_on=True), 300, 1_000, 300),
        (Redemption(is_on=True), 3_000, 1_000, 1_000),
        (Redemption(is_on=True, max_percent=30), 3_000, 999, 299),
        (Redemption(is_on=True, step=100, pays=10), 350, 95, 300),
        (Redemption(is_on=True, step=100, pays=10), 3_000, 95, 900),
        (Redemption(is_on=True, step=10, pays=1, minimum=50), 49, 1_000, 0),
        (Redemption(is_on=True, step=10, pays=1, minimum=50), 59, 1_000, 50),
        (Redemption(is_on=True, minimum=50), 300, 49, 0),
        (Redemption(is_on=True), -5, 1_000, 0),
        (Redemption(is_on=True), 300, 0, 0),
        (Redemption(is_on=False), 300, 1_000, 0),
    ],
)
def test_how_many_points_may_pay(rule: Redemption, balance: int, amount: int, most: int) -> None:
    assert rules.payable(rule, balance=balance, amount=amount) == most


@given(
    st.integers(1, 200), st.integers(1, 50), st.integers(0, 300), st.integers(1, 100),
    st.integers(0, 5_000), st.integers(0, 20_000),
)  # fmt: skip
def test_the_most_is_allowed_and_one_step_more_is_not(
    step: int, pays: int, minimum: int, percent: int, balance: int, amount: int
) -> None:
    rule = Redemption(True, step, pays, minimum, percent)
    most = rules.payable(rule, balance=balance, amount=amount)
    assert 0 <= most <= balance
    if most:
        assert rules.check_payment(rule, points=most, amount=amount) * 100 <= amount * percent
    if most and most + step <= balance:
        with pytest.raises(rules.PaymentRefused):
            rules.check_payment(rule, points=most + step, amount=amount)


@given(st.integers(0, 5_000), st.lists(st.integers(1, 400), min_size=1, max_size=8))
def test_points_of_a_payment_come_back_in_parts_that_add_up(points: int, parts: list[int]) -> None:
    amount, refunded, restored = sum(parts), 0, 0
    for part in parts:
        refunded += part
        back = rules.to_restore(points, restored, amount=amount, refunded=refunded)
        assert back >= 0
        restored += back
        assert restored <= points
    assert restored == points
