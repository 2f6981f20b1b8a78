"""Budgets, limits a day, words that everybody may know: they hold however many come at once."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.coupons import queries, service
from app.coupons.models import COUPON_DAYS, COUPONS, KINDS
from app.coupons.rules import Conditions, CouponNotUsable, KindDraft, Situation
from app.coupons.service import MOST_TRIES, Issued, LimitReached, Use, WordRefused
from flex_templates.theme import CAMPHOR
from tests.support.at_once import at_once
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

_serials = count(1)
TODAY = taipei_date(NOW)


def new_kind(session: Session, **draft: object) -> str:
    code = f"limits-{next(_serials)}"
    values: dict[str, object] = {"type": "amount_off", "value": 100, "valid_days": 30}
    values |= {"stacking": "stackable"} | draft
    service.create_kind(session, draft=KindDraft(code, "夏日券", **values), now=NOW)  # type: ignore[arg-type]
    return code


def give(session: Session, kind: str, member: int) -> str:
    issued = service.issue(
        session,
        kind_code=kind,
        member_id=member,
        source="staff",
        dedup_key=f"limits:{next(_serials)}",
        now=NOW,
    )
    assert issued is not None
    return issued.code


def use(session: Session, member: int, *codes: str, amount: int = 1_000, days: int = 0) -> int:
    """NT$ taken off."""
    now = NOW + timedelta(days=days)
    used = service.redeem_all(
        session,
        uses=[Use(code) for code in codes],
        member_id=member,
        store_id=None,
        staff_id=None,
        situation=Situation(amount, now),
        now=now,
    )
    return sum(one.discount for one in used)


def outcome(result: object) -> str:
    if isinstance(result, CouponNotUsable | WordRefused):
        return result.reason
    if isinstance(result, BaseException):
        return repr(result)
    return "done"


def spent(session: Session, kind: str) -> tuple[int, int]:
    row = session.execute(
        sa.select(KINDS.c.redeemed, KINDS.c.spent).where(KINDS.c.code == kind)
    ).one()
    return row.redeemed, row.spent


def in_own_transaction(db: Database, member: int, *codes: str) -> None:
    with db.transaction() as session:
        use(session, member, *codes)


# Budgets ------------------------------------------------------------------------------------------


def test_a_budget_stops_what_it_cannot_pay_and_not_before(session: Session) -> None:
    kind, hana = new_kind(session, budget=250), new_member(session)
    codes = [give(session, kind, hana) for _ in range(4)]
    assert use(session, hana, codes[0]) == 100
    assert use(session, hana, codes[1]) == 100
    with pytest.raises(CouponNotUsable) as refused, session.begin_nested():
        use(session, hana, codes[2])
    assert (refused.value.reason, refused.value.facts["coupon"]) == ("budget", codes[2])
    assert use(session, hana, codes[3], amount=50) == 50  # a smaller one is still paid
    assert spent(session, kind) == (3, 250)


def test_what_comes_back_can_be_spent_again(session: Session) -> None:
    kind, hana = new_kind(session, budget=100, per_day_limit=1), new_member(session)
    first, second = give(session, kind, hana), give(session, kind, hana)
    use(session, hana, first)
    held = queries.coupon_by_code(session, first)
    assert held is not None
    service.rollback(session, coupon_id=held.id, reason="退貨", staff_id=None, now=NOW)
    assert spent(session, kind) == (0, 0)
    assert use(session, hana, second) == 100
    assert queries.broken(session) == []


def test_a_budget_below_what_was_spent_stops_and_breaks_nothing(session: Session) -> None:
    kind, hana = new_kind(session), new_member(session)
    use(session, hana, give(session, kind, hana))
    draft = KindDraft(
        kind, "夏日券", "amount_off", 100, valid_days=30, stacking="stackable", budget=10
    )
    assert service.revise_kind(session, draft=draft, now=NOW)
    with pytest.raises(CouponNotUsable, match="budget"):
        use(session, hana, give(session, kind, hana))


def test_a_budget_under_simultaneous_redemptions_is_never_overspent(db: Database) -> None:
    with db.transaction() as session:
        kind = new_kind(session, budget=750)
        members = [new_member(session) for _ in range(20)]
        codes = [give(session, kind, member) for member in members]
    works = [
        partial(in_own_transaction, db, member, code)
        for member, code in zip(members, codes, strict=True)
    ]
    assert Counter(outcome(one) for one in at_once(*works)) == {"done": 7, "budget": 13}
    with db.reading() as session:
        assert spent(session, kind) == (7, 700)
        assert queries.broken(session) == []


def test_of_changes_seen_alike_and_made_at_once_one_is_kept(db: Database) -> None:
    with db.transaction() as session:
        kind = new_kind(session)
        seen = queries.newest_offer(session, kind)
    assert seen is not None

    def revise(budget: int) -> None:
        with db.transaction() as session:
            draft = replace(seen.draft, budget=budget, value=budget)
            service.revise_kind(session, draft=draft, now=NOW, seen=seen.seal)

    ended = at_once(*(partial(revise, 1_000 + number) for number in range(8)))
    assert Counter(type(one).__name__ for one in ended) == {"NoneType": 1, "KindChanged": 7}
    with db.reading() as session:
        newest = queries.newest_offer(session, kind)
    assert newest is not None
    assert (newest.version, newest.draft.budget) == (2, newest.draft.value)


# Days ---------------------------------------------------------------------------------------------


def test_a_limit_a_day_is_of_the_day_in_taipei(session: Session) -> None:
    kind, hana = new_kind(session, per_day_limit=1), new_member(session)
    codes = [give(session, kind, hana) for _ in range(3)]
    use(session, hana, codes[0])
    with pytest.raises(CouponNotUsable) as refused, session.begin_nested():
        use(session, hana, codes[1])
    assert refused.value.reason == "per_day"
    assert use(session, hana, codes[1], days=1) == 100


def test_a_limit_a_day_under_simultaneous_redemptions(db: Database) -> None:
    with db.transaction() as session:
        kind = new_kind(session, per_day_limit=5)
        members = [new_member(session) for _ in range(20)]
        codes = [give(session, kind, member) for member in members]
    works = [
        partial(in_own_transaction, db, member, code)
        for member, code in zip(members, codes, strict=True)
    ]
    assert Counter(outcome(one) for one in at_once(*works)) == {"done": 5, "per_day": 15}
    with db.reading() as session:
        assert days(session, kind) == {TODAY: 5}
        assert spent(session, kind) == (5, 500)


def days(session: Session, kind: str) -> dict[date, int]:
    rows = session.execute(
        sa.select(COUPON_DAYS.c.day, COUPON_DAYS.c.redeemed)
        .join(KINDS, KINDS.c.id == COUPON_DAYS.c.kind_id)
        .where(KINDS.c.code == kind)
    )
    return {row.day: row.redeemed for row in rows}


# Several at once ----------------------------------------------------------------------------------


def test_of_several_coupons_all_are_used_or_none(session: Session) -> None:
    hana = new_member(session)
    good, full = new_kind(session), new_kind(session, redeem_limit=0)
    codes = [give(session, good, hana), give(session, full, hana)]
    with pytest.raises(CouponNotUsable) as refused, session.begin_nested():
        use(session, hana, *codes)
    assert refused.value.reason == "redeem_limit"
    assert spent(session, good) == (0, 0)
    assert use(session, hana, codes[0]) == 100


def test_a_strangers_coupon_among_ones_own_is_not_found(session: Session) -> None:
    hana, ken = new_member(session), new_member(session)
    kind = new_kind(session)
    mine, theirs = give(session, kind, hana), give(session, kind, ken)
    with pytest.raises(NotFound):
        use(session, hana, mine, theirs)


def test_two_sales_with_the_same_kinds_in_another_order_both_go_through(db: Database) -> None:
    with db.transaction() as session:
        kinds = [new_kind(session), new_kind(session)]
        members = [new_member(session) for _ in range(12)]
        pairs = [[give(session, kind, member) for kind in kinds] for member in members]
    works = [
        partial(in_own_transaction, db, member, *(pair if number % 2 else pair[::-1]))
        for number, (member, pair) in enumerate(zip(members, pairs, strict=True))
    ]
    assert Counter(outcome(one) for one in at_once(*works)) == {"done": 12}
    with db.reading() as session:
        assert [spent(session, kind) for kind in kinds] == [(12, 1_200)] * 2
        assert queries.broken(session) == []


def test_one_coupon_in_two_different_pairs_at_once_is_used_once(db: Database) -> None:
    with db.transaction() as session:
        kind, hana = new_kind(session), new_member(session)
        shared, left, right = (give(session, kind, hana) for _ in range(3))
    works = [
        partial(in_own_transaction, db, hana, *pair) for pair in ((shared, left), (right, shared))
    ]
    ended = Counter(outcome(one) for one in at_once(*works))
    assert ended == {"done": 1, "already_redeemed": 1}
    with db.reading() as session:
        assert spent(session, kind) == (2, 200)
        used = session.scalar(
            sa.select(sa.func.count()).where(
                COUPONS.c.member_id == hana, COUPONS.c.status == "redeemed"
            )
        )
        assert used == 2


# Words --------------------------------------------------------------------------------------------


def claim(
    session: Session, word: str, member: int, *, joined: date = TODAY, day: int = 0
) -> Issued | None:
    return service.claim_word(
        session, word=word, member_id=member, joined_on=joined, now=NOW + timedelta(days=day)
    )


def test_a_word_gives_a_coupon_of_ones_own_once(session: Session) -> None:
    new_kind(session, word="SUMMER100")
    hana, ken = new_member(session), new_member(session)
    mine, theirs = claim(session, " ｓummer１00 ", hana), claim(session, "SUMMER100", ken)
    assert mine is not None
    assert theirs is not None
    assert mine.code != theirs.code
    with pytest.raises(WordRefused, match="per_member"):
        claim(session, "SUMMER100", hana)
    assert use(session, hana, mine.code) == 100


def test_a_word_can_be_good_for_several_coupons_each(session: Session) -> None:
    new_kind(session, word="TWICE2", per_member_limit=2)
    hana = new_member(session)
    assert [claim(session, "TWICE2", hana) is None for _ in range(2)] == [False, False]
    with pytest.raises(WordRefused, match="per_member"), session.begin_nested():
        claim(session, "TWICE2", hana)


def test_a_coupon_of_a_word_given_to_a_friend_still_leaves_the_others(session: Session) -> None:
    new_kind(session, word="THRICE3", per_member_limit=3, giving="once")
    publish(session)
    hana, ken = new_member(session), new_member(session)
    first = claim(session, "THRICE3", hana)
    assert first is not None
    assert claim(session, "THRICE3", hana) is not None
    gift = service.offer_gift(session, coupon_id=first.coupon_id, giver_id=hana, now=NOW)
    service.accept_gift(session, token=gift.token, friend_id=ken, theme=CAMPHOR, now=NOW)
    assert claim(session, "THRICE3", hana) is not None
    with pytest.raises(WordRefused, match="per_member"), session.begin_nested():
        claim(session, "THRICE3", hana)


def test_a_number_of_a_word_that_is_taken_is_stepped_over(session: Session) -> None:
    """As after a merger that was undone."""
    new_kind(session, word="TWICE3", per_member_limit=3)
    hana = new_member(session)
    first = claim(session, "TWICE3", hana)
    assert first is not None
    kind = session.scalar(sa.select(COUPONS.c.kind_id).where(COUPONS.c.id == first.coupon_id))
    taken = f"word:{kind}:{hana}:1"
    session.execute(sa.update(COUPONS).values(dedup_key=taken))
    assert claim(session, "TWICE3", hana) is not None


def test_a_word_for_new_members_counts_days_since_they_joined(session: Session) -> None:
    new_kind(session, word="HELLO7", word_for_days=7)
    hana, ken = new_member(session), new_member(session)
    assert claim(session, "HELLO7", hana, joined=TODAY - timedelta(days=7)) is not None
    with pytest.raises(WordRefused) as refused:
        claim(session, "HELLO7", ken, joined=TODAY - timedelta(days=8))
    assert (refused.value.reason, refused.value.days) == ("not_new", 7)


def test_a_word_of_a_kind_that_is_over_or_stopped_gives_nothing(session: Session) -> None:
    kind = new_kind(session, word="STOPPED1")
    service.set_active(session, code=kind, is_active=False)
    with pytest.raises(WordRefused, match="total"), session.begin_nested():
        claim(session, "STOPPED1", new_member(session))
    new_kind(session, word="ENDED1", valid_days=None, ends_at=NOW)
    with pytest.raises(WordRefused, match="ended"):
        claim(session, "ENDED1", new_member(session))


def test_two_kinds_cannot_have_one_word(session: Session) -> None:
    new_kind(session, word="ONLYONE1")
    with pytest.raises(Conflict):
        new_kind(session, word="ONLYONE1")


def test_guessing_stops_for_the_day_also_for_the_right_word(session: Session) -> None:
    new_kind(session, word="RIGHT100")
    hana, ken = new_member(session), new_member(session)
    for number in range(MOST_TRIES):
        assert claim(session, f"WRONG{number}", hana) is None
    with pytest.raises(WordRefused, match="too_often"):
        claim(session, "RIGHT100", hana)
    assert claim(session, "RIGHT100", ken) is not None
    assert claim(session, "RIGHT100", hana, day=1) is not None


@pytest.mark.parametrize("talk", ["您好", "謝謝!", "hello there", "0912345678", "A1", "x" * 30])
def test_talk_is_no_guess(session: Session, talk: str) -> None:
    hana = new_member(session)
    new_kind(session, word="TALK100")
    for _ in range(MOST_TRIES + 1):
        assert claim(session, talk, hana) is None
    assert claim(session, "TALK100", hana) is not None


def test_the_last_of_a_word_under_simultaneous_claims(db: Database) -> None:
    with db.transaction() as session:
        new_kind(session, word="LAST3", issue_limit=3)
        members = [new_member(session) for _ in range(15)]

    def take(member: int) -> None:
        with db.transaction() as session:
            claim(session, "LAST3", member)

    ended = Counter(outcome(one) for one in at_once(*(partial(take, one) for one in members)))
    assert ended == {"done": 3, "total": 12}


def test_one_member_claiming_many_times_at_once_gets_one(db: Database) -> None:
    with db.transaction() as session:
        new_kind(session, word="MINE1")
        hana = new_member(session)

    def take() -> None:
        with db.transaction() as session:
            claim(session, "MINE1", hana)

    ended = Counter(outcome(one) for one in at_once(*[take] * 10))
    assert ended == {"done": 1, "per_member": 9}
    with db.reading() as session:
        assert len(queries.coupons_of(session, hana)) == 1


# By one condition ---------------------------------------------------------------------------------


def test_at_the_wrong_store_or_on_a_wrong_day_nothing_is_used(session: Session) -> None:
    kind = new_kind(session, conditions=Conditions(stores=("taipei",)))
    hana = new_member(session)
    code = give(session, kind, hana)
    with pytest.raises(CouponNotUsable, match="store"), session.begin_nested():
        use(session, hana, code)
    assert spent(session, kind) == (0, 0)
    with pytest.raises(LimitReached):
        service.issue(
            session,
            kind_code=new_kind(session, issue_limit=0),
            member_id=hana,
            source="staff",
            dedup_key="none",
            now=NOW,
        )
