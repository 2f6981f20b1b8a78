"""Tiers by calendar year, year of membership, for life, by visits and by one large purchase, as
histories of sales and refunds on a database."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.cards import queries as cards
from app.core.clock import TAIPEI, taipei_date
from app.core.db import Database
from app.programmes.rules import DEFAULT, Terms, Tier, Window
from app.purchases.rules import RefundTooLarge
from app.tiers import queries, rules, service
from app.tiers.rules import words
from tests.support import loyalty
from tests.support.till import DAY, START, Till

JOINED = datetime(2024, 6, 5, 12, 0, tzinfo=TAIPEI)


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=TAIPEI)


def midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=TAIPEI)


def of(window: Window, **tiering: object) -> Terms:
    changed = replace(DEFAULT.tiering, window=window, **tiering)  # type: ignore[arg-type]  # by name
    return replace(DEFAULT, tiering=changed)


def by(**goals: object) -> Terms:
    silver = Tier("silver", "銀卡", **({"threshold": 0} | goals))  # type: ignore[arg-type]  # by name
    return replace(DEFAULT, tiers=(DEFAULT.tiers[0], silver))


# Calendar years -----------------------------------------------------------------------------------


def test_a_new_year_counts_from_nothing(session: Session) -> None:
    till = Till(session, of("calendar_year"))
    till.buy(4_999, at("2026-12-31"))
    till.buy(4_999, at("2027-01-01"))
    assert till.code == "basic"
    till.buy(1, at("2027-12-31"))
    assert (till.code, till.until) == ("silver", midnight("2029-01-01"))


def test_a_year_that_reaches_the_threshold_renews_for_one_more(session: Session) -> None:
    till = Till(session, of("calendar_year"))
    till.buy(5_000, at("2026-05-10"))
    assert till.until == midnight("2028-01-01")
    till.buy(5_000, at("2027-01-01"))  # the whole year that decides counts, from its first day
    assert till.expire(midnight("2028-01-01")) == ["renewed"]
    assert (till.code, till.until) == ("silver", midnight("2029-01-01"))
    assert till.expire(midnight("2029-01-01")) == ["downgraded"]
    assert till.code == "basic"
    assert till.until is None


def test_what_was_bought_in_the_year_of_the_upgrade_does_not_renew(session: Session) -> None:
    till = Till(session, of("calendar_year"))
    till.buy(5_000, at("2026-05-10"))
    till.buy(14_000, at("2026-12-31"))
    assert till.expire(midnight("2028-01-01")) == ["downgraded"]


def test_a_sale_of_last_year_told_of_late_lifts_through_this_year(session: Session) -> None:
    till = Till(session, of("calendar_year"))
    till.buy(4_000, at("2026-12-30"))
    till.buy(1_000, at("2026-12-31"), now=at("2027-01-05"))
    assert (till.code, till.until) == ("silver", midnight("2028-01-01"))


def test_a_late_sale_of_a_year_whose_tier_is_over_lifts_no_more(session: Session) -> None:
    till = Till(session, of("calendar_year"))
    till.buy(5_000, at("2024-12-31"), now=at("2026-03-10"))
    assert till.code == "basic"


def test_a_refund_in_a_new_year_takes_the_tier_of_the_old_one_back(session: Session) -> None:
    till = Till(session, of("calendar_year"))
    sale, _ = till.buy(5_000, at("2026-12-30"))
    till.buy(100, at("2027-01-02"))
    till.refund(sale, 1, at("2027-01-05"))
    assert (till.code, till.until) == ("basic", None)


# Years of membership ------------------------------------------------------------------------------


def test_a_year_of_membership_begins_on_the_day_of_joining(session: Session) -> None:
    till = Till(session, of("anniversary"), joined_at=JOINED)
    till.buy(4_999, at("2026-06-04"))
    till.buy(4_999, at("2026-06-05"))
    assert till.code == "basic"
    till.buy(1, at("2027-06-04"))
    assert (till.code, till.until) == ("silver", midnight("2028-06-05"))


def test_members_of_one_batch_have_their_own_years(db: Database) -> None:
    with db.transaction() as session:
        till = Till(session, of("anniversary"), joined_at=JOINED)
        other = loyalty.new_member(session, joined_at=at("2024-01-10"))
        service.begin(session, member_id=other, now=at("2024-01-10"))
        first, now = till.member, at("2026-02-01")
        for member in (first, other):
            till.member = member
            till.buy(1_000, at("2026-01-09"))
            till.buy(700, at("2026-01-10"))
        found = cards.cards(session, [first, other], now=now)
        seen = {member: card.progress for member, card in found.items()}
        assert (seen[first].spent, seen[first].until) == (1_700, date(2026, 6, 4))
        assert (seen[other].spent, seen[other].until) == (700, date(2027, 1, 9))
        for member, progress in seen.items():
            alone = queries.progress(session, member, now=now)
            assert (alone.spent, alone.to_next) == (progress.spent, progress.to_next)


# For life -----------------------------------------------------------------------------------------


def test_a_tier_for_life_counts_everything_and_never_ends(session: Session) -> None:
    till = Till(session, of("lifetime"))
    till.buy(2_500, at("2019-01-01"), now=START)
    till.buy(2_499, START)
    assert till.code == "basic"
    till.buy(1, START + DAY)
    assert (till.code, till.until) == ("silver", None)
    assert till.expire(START + 4_000 * DAY) == []
    seen = queries.progress(session, till.member, now=START + 2 * DAY)
    assert (seen.spent, seen.to_next, seen.until, seen.tier_until) == (5_000, 15_000, None, None)


# More than money ----------------------------------------------------------------------------------


def test_visits_lift_and_a_purchase_given_back_is_none(session: Session) -> None:
    till = Till(session, by(visits=3))
    till.buy(100, START)
    gone, _ = till.buy(100, START + DAY)
    till.refund(gone, 100, START + DAY)
    till.buy(100, START + 2 * DAY)
    assert till.code == "basic"
    seen = queries.progress(session, till.member, now=START + 2 * DAY)
    assert (words.way_up(seen), seen.percent, seen.to_next) == ("再消費 1 次", 66, 0)
    last, _ = till.buy(100, START + 3 * DAY)
    assert till.code == "silver"
    till.refund(last, 99, START + 4 * DAY)
    assert till.code == "silver"
    till.refund(last, 1, START + 5 * DAY)
    assert till.code == "basic"


def test_one_large_purchase_lifts_and_several_small_ones_do_not(session: Session) -> None:
    till = Till(session, by(single=3_000))
    till.buy(2_999, START)
    till.buy(2_999, START)
    assert till.code == "basic"
    sale, _ = till.buy(3_000, START + DAY)
    assert till.code == "silver"
    till.refund(sale, 1, START + 2 * DAY)
    assert till.code == "basic"


def test_renewal_by_visits_leaves_out_those_up_to_the_upgrade(session: Session) -> None:
    till = Till(session, by(visits=2))
    till.buy(100, START)
    till.buy(100, START + timedelta(hours=1))
    assert (till.code, till.until) == ("silver", midnight("2027-03-10"))
    till.buy(100, START + timedelta(hours=2))
    seen = queries.progress(session, till.member, now=START + DAY)
    assert words.way_to_keep(seen) == "再消費 1 次"
    till.buy(100, at("2027-03-09"))
    assert till.expire(midnight("2027-03-10")) == ["renewed"]


def test_either_goal_of_two_lifts_on_both_databases(db: Database) -> None:
    with db.transaction() as session:
        till = Till(session, by(threshold=5_000, visits=3))
        second = loyalty.new_member(session)
        service.begin(session, member_id=second, now=START - DAY)
        till.buy(5_000, START)
        assert till.code == "silver"
        till.member = second
        for hour in range(3):
            assert till.code == "basic"
            till.buy(10, START + timedelta(hours=hour))
        assert till.code == "silver"
        card = cards.card(session, second, now=START + DAY)
        assert (card.progress.sums.visits, card.progress.next_tier) == (3, None)


# However they are added up ------------------------------------------------------------------------

# A goal that nobody reaches makes the terms be folded from the sales instead of the daily totals.
FOLDED = replace(
    DEFAULT, tiers=(*DEFAULT.tiers[:-1], replace(DEFAULT.tiers[-1], visits=1_000_000_000))
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "late", "refund", "wait"]),
        st.integers(1, 9_000),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS, st.sampled_from(["rolling", "calendar_year", "anniversary", "lifetime"]))
def test_daily_totals_and_the_sales_themselves_give_the_same_tiers(
    sqlite_db: Database, steps: list[tuple[str, int, int]], window: Window
) -> None:
    plain = _history(sqlite_db, DEFAULT, window, steps)
    assert plain == _history(sqlite_db, FOLDED, window, steps)


def _history(
    db: Database, terms: Terms, window: Window, steps: list[tuple[str, int, int]]
) -> list[tuple[object, ...]]:
    terms = replace(terms, tiering=replace(terms.tiering, window=window))
    now = START
    seen: list[tuple[object, ...]] = []
    with db.transaction() as session:
        till = Till(session, terms)
        keys: list[str] = []
        for what, amount, days in steps:
            if what == "refund" and keys:
                _refund(till, keys[amount % len(keys)], amount, now)
            elif what == "buy":
                keys.append(till.buy(amount, now)[0])
            elif what == "late":
                keys.append(till.buy(amount, now - days * DAY, now=now)[0])
            else:
                now += days * DAY
                till.expire(now)
            progress = queries.progress(session, till.member, now=now)
            seen.append((till.code, till.until, progress.spent, progress.to_renew))
            held = queries.open_period(session, till.member)
            assert held is not None
            if what in ("buy", "late"):
                _at_least_what_was_earned(till, held, now)
        assert queries.broken(session) == []
        session.rollback()
    return seen


def _refund(till: Till, key: str, amount: int, now: datetime) -> None:
    try:
        till.refund(key, amount, now)
    except RefundTooLarge:
        return


def _at_least_what_was_earned(till: Till, held: queries.Period, now: datetime) -> None:
    """The tier is never below what the window that ends today reaches."""
    counted = queries.window(
        till.session,
        till.member,
        last=taipei_date(now),
        joined_on=held.joined_on,
        terms=till.terms,
    )
    earned = rules.earned_tier(till.terms, counted.sums)
    assert till.terms.rank(till.code) >= till.terms.rank(earned.code)
