from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.clock import TAIPEI
from app.core.db import Database
from app.core.errors import Invalid
from app.programmes import queries as programmes
from app.programmes.rules import DEFAULT
from app.tiers import queries, service
from app.tiers.service import TierChange
from tests.support import loyalty
from tests.support.till import DAY, START, Till


@pytest.fixture
def till(session: Session) -> Till:
    return Till(session)


def midnight(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TAIPEI)


def test_the_exact_threshold_lifts_and_one_below_does_not(till: Till) -> None:
    assert till.buy(4_999, START)[1] is None
    _, change = till.buy(1, START + DAY)
    assert change is not None
    assert (change.kind, change.previous_code, change.tier_code) == ("upgraded", "basic", "silver")
    assert change.starts_at == START + DAY
    assert change.ends_at == midnight("2027-03-11")


def test_one_sale_may_jump_several_tiers_in_one_change(till: Till) -> None:
    _, change = till.buy(70_000, START)
    assert change is not None
    assert (change.previous_code, change.tier_code, change.gives_gift) == (
        "basic",
        "platinum",
        True,
    )
    assert len(queries.history(till.session, till.member)) == 2


def test_a_sale_counts_on_the_last_day_of_its_window_and_not_after(session: Session) -> None:
    for days, code in ((364, "silver"), (365, "basic")):
        till = Till(session)
        till.buy(4_000, START)
        till.buy(1_000, START + days * DAY)
        assert till.code == code


def test_a_tier_ends_at_midnight_and_not_a_second_before(till: Till) -> None:
    till.buy(6_000, START)
    end = midnight("2027-03-10")
    assert till.expire(end - timedelta(seconds=1)) == []
    before = service.tier_of_sale(
        till.session,
        member_id=till.member,
        sold_at=end - timedelta(seconds=1),
        terms=till.terms,
        now=end - timedelta(seconds=1),
    )
    at = service.tier_of_sale(
        till.session, member_id=till.member, sold_at=end, terms=till.terms, now=end
    )
    assert (before.code, at.code) == ("silver", "basic")
    assert till.expire(end) == []


def test_renewal_counts_only_what_was_bought_after_the_upgrade(till: Till) -> None:
    till.buy(3_000, START - timedelta(hours=3))  # the same day, before the upgrade
    till.buy(3_000, START)
    till.buy(4_999, START + timedelta(hours=1))
    progress = queries.progress(till.session, till.member, now=START + DAY)
    assert progress.to_renew == 1
    assert till.expire(midnight("2027-03-10")) == ["downgraded"]


def test_enough_new_spend_renews_for_another_year(till: Till) -> None:
    till.buy(6_000, START)
    till.buy(5_000, START + timedelta(hours=1))
    assert till.expire(midnight("2027-03-10")) == ["renewed"]
    assert (till.code, till.until) == ("silver", midnight("2028-03-10"))
    assert queries.progress(till.session, till.member, now=midnight("2027-03-10")).to_renew == 5_000
    assert till.expire(midnight("2028-03-10")) == ["downgraded"]
    assert (till.code, till.until) == ("basic", None)


def test_a_tier_from_29_february_ends_with_27_february(till: Till) -> None:
    till.buy(6_000, midnight("2028-02-29") + timedelta(hours=9))
    assert till.until == midnight("2029-02-28")


def test_the_tier_falls_to_what_the_spend_of_the_period_earns(till: Till) -> None:
    till.buy(60_000, START)
    till.buy(20_500, START + 30 * DAY)
    assert till.expire(midnight("2027-03-10")) == ["downgraded"]
    assert (till.code, till.until) == ("gold", midnight("2028-03-10"))


def test_the_tier_falls_one_step_when_the_terms_say_so(session: Session) -> None:
    till = Till(session, replace(DEFAULT, tiering=replace(DEFAULT.tiering, downgrade="one_down")))
    till.buy(60_000, START)
    till.expire(midnight("2027-03-10"))
    assert till.code == "gold"


def test_days_of_grace_delay_the_fall_and_a_sale_in_them_does_not_count(session: Session) -> None:
    till = Till(session, replace(DEFAULT, tiering=replace(DEFAULT.tiering, grace_days=10)))
    till.buy(6_000, START)
    assert till.expire(midnight("2027-03-19")) == []
    assert till.expire(midnight("2027-03-20")) == ["downgraded"]
    periods = queries.history(session, till.member)
    assert periods[1].closed_at == periods[2].starts_at == midnight("2027-03-20")
    assert queries.broken(session) == []


def test_a_member_away_for_years_falls_as_often_as_needed(till: Till) -> None:
    till.buy(60_000, START)
    till.buy(20_000, START + DAY)
    _, change = till.buy(100, START + 1_500 * DAY)
    assert change is None
    history = queries.history(till.session, till.member)
    assert [period.tier_code for period in history] == ["basic", "platinum", "gold", "basic"]
    assert queries.broken(till.session) == []


def test_a_refund_inside_the_return_window_takes_the_tier_back(till: Till) -> None:
    key, change = till.buy(6_000, START)
    assert change is not None
    revoked = till.refund(key, 1_001, START + 30 * DAY)
    assert revoked is not None
    assert (revoked.kind, revoked.tier_code) == ("revoked", "basic")
    assert revoked.previous_period_id == change.period_id
    assert (till.code, till.until) == ("basic", None)


def test_a_refund_that_leaves_enough_takes_nothing(till: Till) -> None:
    key, _ = till.buy(6_000, START)
    assert till.refund(key, 1_000, START + DAY) is None
    assert till.code == "silver"


def test_a_refund_after_the_return_window_leaves_the_tier_to_its_end(till: Till) -> None:
    key, _ = till.buy(6_000, START)
    assert till.refund(key, 6_000, START + 31 * DAY) is None
    assert till.code == "silver"
    assert queries.progress(till.session, till.member, now=START + 31 * DAY).spent == 0
    assert till.expire(midnight("2027-03-10")) == ["downgraded"]


def test_a_sum_brought_under_by_a_late_refund_is_not_blamed_on_the_next(till: Till) -> None:
    old, _ = till.buy(3_000, START - 40 * DAY)
    new, _ = till.buy(3_000, START)
    assert till.refund(old, 3_000, START + DAY) is None
    assert till.refund(new, 100, START + 2 * DAY) is None
    assert till.code == "silver"


def test_what_was_bought_since_keeps_a_tier_whose_first_sale_came_back(till: Till) -> None:
    key, _ = till.buy(6_000, START)
    till.buy(5_500, START + 5 * DAY)
    assert till.refund(key, 6_000, START + 6 * DAY) is None
    assert till.code == "silver"


def test_a_revoked_jump_falls_to_the_tier_held_before(till: Till) -> None:
    till.buy(6_000, START)
    key, _ = till.buy(20_000, START + 10 * DAY)
    revoked = till.refund(key, 20_000, START + 12 * DAY)
    assert revoked is not None
    assert (revoked.tier_code, revoked.ends_at) == ("silver", midnight("2027-03-10"))


def test_refunding_both_steps_goes_down_both(till: Till) -> None:
    first, _ = till.buy(6_000, START)
    second, _ = till.buy(20_000, START + DAY)
    till.refund(second, 20_000, START + 2 * DAY)
    assert till.code == "silver"
    till.refund(first, 6_000, START + 3 * DAY)
    assert till.code == "basic"
    assert queries.broken(till.session) == []


def test_buying_again_after_a_refund_gives_no_second_gift(till: Till) -> None:
    key, change = till.buy(6_000, START)
    assert change is not None
    assert change.gives_gift
    till.refund(key, 6_000, START + DAY)
    _, again = till.buy(6_000, START + 2 * DAY)
    assert again is not None
    assert (again.tier_code, again.gives_gift) == ("silver", False)


def test_a_gift_comes_again_after_twelve_months(till: Till) -> None:
    till.buy(6_000, START)
    till.expire(midnight("2027-03-10"))
    _, change = till.buy(6_000, midnight("2027-03-10"))
    assert change is not None
    assert change.gives_gift


def test_a_late_sale_lifts_from_its_own_time(till: Till) -> None:
    till.buy(3_000, START)
    _, change = till.buy(2_000, START - 10 * DAY, now=START + 5 * DAY)
    assert change is not None
    assert change.tier_code == "silver"
    assert change.starts_at == START - 10 * DAY


def test_new_thresholds_leave_holders_their_tier_and_end(till: Till) -> None:
    till.buy(6_000, START)
    until = till.until
    basic, silver, gold, platinum = DEFAULT.tiers
    dearer = replace(DEFAULT, tiers=(basic, replace(silver, threshold=8_000), gold, platinum))
    loyalty.publish(till.session, dearer, starts_at=START + DAY)
    till.terms = programmes.terms_at(till.session, START + 2 * DAY)
    _, change = till.buy(1_999, START + 2 * DAY)
    assert change is None
    assert (till.code, till.until) == ("silver", until)


def test_staff_give_a_tier_with_a_reason_and_an_end(till: Till) -> None:
    def grant(code: str, note: str, ends_at: datetime | None) -> TierChange | None:
        return service.grant(
            till.session,
            member_id=till.member,
            tier_code=code,
            ends_at=ends_at,
            actor="staff:1",
            note=note,
            now=START,
        )

    for code, note, ends_at, field in (
        ("gold", " ", None, "note"),
        ("diamond", "VIP", None, "tier"),
        ("gold", "VIP", START, "ends_at"),
    ):
        with pytest.raises(Invalid) as refused:
            grant(code, note, ends_at)
        assert refused.value.field == field
    end = midnight("2026-09-01")
    granted = grant("gold", "VIP", end)
    assert granted is not None
    assert (till.code, till.until) == ("gold", end)
    assert till.expire(end) == ["downgraded"]


def test_joining_twice_begins_once(till: Till) -> None:
    service.begin(till.session, member_id=till.member, now=START)
    assert len(queries.history(till.session, till.member)) == 1
    assert queries.counts(till.session) == {"basic": 1}


def test_a_member_without_a_tier_is_found(till: Till) -> None:
    lost = loyalty.new_member(till.session)
    assert queries.broken(till.session) == [f"member {lost}: no open tier"]


def test_progress_names_the_day_on_which_the_window_loses_its_first_sale(till: Till) -> None:
    till.buy(4_000, START)
    till.buy(500, START + 20 * DAY)
    seen = queries.progress(till.session, till.member, now=START + 30 * DAY)
    assert (seen.spent, seen.to_next, seen.until) == (4_500, 500, date(2027, 3, 9))


def test_many_tiers_end_in_one_pass_on_both_databases(db: Database) -> None:
    with db.transaction() as session:
        till = Till(session)
        members = [till.member]
        for _ in range(5):
            members.append(loyalty.new_member(session))
            service.begin(session, member_id=members[-1], now=START - DAY)
        for number, member in enumerate(members):
            till.member = member
            till.buy(6_000, START)
            till.buy(1_000 + number * 1_000, START + timedelta(hours=1))
        end = midnight("2027-03-10")
        assert len(service.review_at_expiry(session, now=end, limit=4)) == 4
        assert len(service.review_at_expiry(session, now=end, limit=4)) == 2
        assert service.review_at_expiry(session, now=end, limit=4) == []
        held = []
        for member in members:
            till.member = member
            held.append(till.code)
        assert held == ["basic"] * 4 + ["silver"] * 2
        assert queries.broken(session) == []


def test_a_shop_without_a_programme_has_nobody_to_review(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        assert service.review_at_expiry(session, now=START) == []
