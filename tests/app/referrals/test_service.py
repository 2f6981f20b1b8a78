"""A friend comes by an invitation, joins, buys, and both are rewarded once."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.checkouts.service import ExchangeOrder
from app.core.clock import TAIPEI
from app.core.db import Database
from app.coupons import queries as coupons
from app.coupons import service as coupon_service
from app.coupons.rules import KindDraft
from app.enrolments.rules import Guardian, Profile
from app.members import queries as members
from app.members.queries import Person
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.programmes.rules import DEFAULT, ReferralTerms, Reward
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.referrals import queries, service
from app.referrals.models import EVENTS, REFERRALS
from app.referrals.rules import CannotBeInvited, CannotInvite, NotWaiting
from app.rights import service as rights
from app.rights.rules import WIPE_AFTER
from app.staff.models import AuditEntry
from flex_templates.theme import CAMPHOR
from tests.support.at_once import at_once
from tests.support.joining import KEN, KEY, MEI, friend, join, person_of
from tests.support.loyalty import new_clerk, new_member, new_store, publish
from tests.support.times import NOW

TERMS = replace(
    DEFAULT,
    referral=ReferralTerms(Reward(100), Reward(50), min_spend=300, cap_per_month=2, burst_joins=3),
)
GROWN = date(1985, 3, 3)
_serials = count(1)
PHONES = (f"09{number:08d}" for number in range(10_000_000, 20_000_000))


@pytest.fixture
def store(session: Session) -> int:
    publish(session, TERMS)
    return new_store(session)


@pytest.fixture
def hana(session: Session, store: int) -> Person:
    return inviter(session)


def inviter(session: Session) -> Person:
    return members.person(session, new_member(session, name="林小花", birthday=GROWN))


def invite(session: Session, by: Person, line_user_id: str, now: datetime = NOW) -> Person:
    """Somebody adds the account and comes by the code."""
    guest = friend(session, line_user_id, now)
    code = service.give_code(session, member=by, now=now)
    service.bind(session, friend=guest, code=code, channel="chat", now=now)
    return guest


def bring(session: Session, by: Person, line_user_id: str, now: datetime = NOW) -> Person:
    invite(session, by, line_user_id, now)
    join(session, line_user_id, phone=next(PHONES), now=now)
    return person_of(session, line_user_id)


def bought(
    session: Session,
    member_id: int,
    amount: int,
    *,
    store_id: int,
    sold_at: datetime = NOW,
    now: datetime = NOW,
    staff_id: int | None = None,
) -> str:
    external_id = f"sale-{next(_serials)}"
    order = PurchaseOrder(
        external_id=external_id,
        amount=amount,
        sold_at=sold_at,
        member_id=member_id,
        store_id=store_id,
        staff_id=staff_id,
    )
    checkouts.record_purchase(session, order=order, now=now)
    return external_id


def refunded(session: Session, sale: str, amount: int, *, now: datetime = NOW) -> None:
    order = RefundOrder(f"back-{next(_serials)}", sale, amount)
    checkouts.refund_purchase(session, order=order, now=now)


def status(session: Session, member_id: int) -> tuple[str, str | None]:
    row = session.execute(
        sa.select(REFERRALS.c.status, REFERRALS.c.reason)
        .where(REFERRALS.c.member_id == member_id)
        .order_by(REFERRALS.c.id.desc())
        .limit(1)
    ).one()
    return row.status, row.reason


def history(session: Session) -> list[str]:
    return list(session.scalars(sa.select(EVENTS.c.kind).order_by(EVENTS.c.id)))


def balance(session: Session, member_id: int, now: datetime) -> int:
    return points.standing(session, member_id, now=now).balance


def pay(session: Session, now: datetime) -> int:
    return service.pay_due(session, theme=CAMPHOR, now=now)


AFTER_WINDOW = datetime(2026, 8, 4, 0, 0, tzinfo=TAIPEI)  # sold 07-04, thirty days to give back


def test_both_are_rewarded_once_after_the_return_window(
    session: Session, store: int, hana: Person
) -> None:
    ken = bring(session, hana, KEN)
    before = balance(session, ken.id, AFTER_WINDOW)
    bought(session, ken.id, 300, store_id=store)
    assert status(session, ken.id) == ("pending", None)
    assert pay(session, AFTER_WINDOW - timedelta(seconds=1)) == 0
    assert pay(session, AFTER_WINDOW) == 1
    assert pay(session, AFTER_WINDOW) == 0
    assert status(session, ken.id) == ("rewarded", None)
    assert balance(session, hana.id, AFTER_WINDOW) == 100
    assert balance(session, ken.id, AFTER_WINDOW) == before + 3 + 50  # 3 of the sale
    assert history(session) == ["bound", "joined", "purchased", "rewarded"]
    assert queries.broken(session) == []
    assert points.unbalanced(session) == []
    kinds = session.scalars(
        sa.select(OutboxRow.kind).where(OutboxRow.kind.like("referral.%")).order_by(OutboxRow.id)
    ).all()
    assert kinds == ["referral.joined", "referral.rewarded", "referral.rewarded"]
    progress = queries.progress(session, hana.id)
    assert (progress.joined, progress.waiting, progress.rewarded) == (1, 0, 1)


def test_an_inviter_reads_only_a_masked_name(session: Session, hana: Person) -> None:
    bring(session, hana, KEN)
    said = session.scalars(sa.select(OutboxRow.payload).where(OutboxRow.member_id == hana.id)).all()
    assert len(said) == 1
    assert "王○明" in said[0]
    assert "王小明" not in said[0]
    assert "0910" not in said[0]


def test_a_sale_below_the_minimum_does_not_count_and_the_next_may(
    session: Session, store: int, hana: Person
) -> None:
    ken = bring(session, hana, KEN)
    bought(session, ken.id, 299, store_id=store)
    assert status(session, ken.id) == ("joined", None)
    bought(session, ken.id, 300, store_id=store)
    assert status(session, ken.id) == ("pending", None)


@pytest.mark.parametrize(("back", "expected"), [(1, "cancelled"), (300, "cancelled")])
def test_giving_the_sale_back_cancels(
    session: Session, store: int, hana: Person, back: int, expected: str
) -> None:
    ken = bring(session, hana, KEN)
    sale = bought(session, ken.id, 300, store_id=store)
    refunded(session, sale, back)
    assert status(session, ken.id) == (expected, "refund")
    assert pay(session, AFTER_WINDOW) == 0
    assert balance(session, hana.id, AFTER_WINDOW) == 0


@pytest.mark.parametrize(
    ("back", "amount", "ends"),
    [
        (300, 300, ("rewarded", None)),  # the new sale counts
        (300, 299, ("cancelled", "refund")),
        (1, 299, ("cancelled", "refund")),  # of each too little
    ],
)
def test_an_exchange_takes_the_place_of_the_sale(
    session: Session, store: int, hana: Person, back: int, amount: int, ends: tuple[str, str | None]
) -> None:
    ken = bring(session, hana, KEN)
    sale = bought(session, ken.id, 300, store_id=store)
    later = NOW + timedelta(days=2)
    order = ExchangeOrder("x1", sale, back, amount, later)
    checkouts.exchange_purchase(session, order=order, now=later)
    assert pay(session, AFTER_WINDOW) == 0  # a return window of its own
    pay(session, AFTER_WINDOW + timedelta(days=2))
    assert status(session, ken.id) == ends
    assert queries.broken(session) == []


def test_a_sale_that_stays_large_enough_counts(session: Session, store: int, hana: Person) -> None:
    ken = bring(session, hana, KEN)
    sale = bought(session, ken.id, 500, store_id=store)
    refunded(session, sale, 200)
    assert status(session, ken.id) == ("pending", None)
    assert pay(session, AFTER_WINDOW) == 1


def test_after_the_reward_nothing_is_taken_back(session: Session, store: int, hana: Person) -> None:
    ken = bring(session, hana, KEN)
    sale = bought(session, ken.id, 300, store_id=store)
    pay(session, AFTER_WINDOW)
    refunded(session, sale, 300, now=AFTER_WINDOW)
    assert status(session, ken.id) == ("rewarded", None)
    assert balance(session, hana.id, AFTER_WINDOW) == 100


def test_the_terms_of_the_invitation_hold(session: Session, store: int, hana: Person) -> None:
    ken = bring(session, hana, KEN)
    publish(session, replace(TERMS, referral=ReferralTerms()), starts_at=NOW + timedelta(minutes=1))
    later = NOW + timedelta(hours=1)
    with pytest.raises(CannotInvite):
        service.give_code(session, member=hana, now=later)
    bought(session, ken.id, 300, store_id=store, sold_at=later, now=later)
    pay(session, AFTER_WINDOW)
    assert balance(session, hana.id, AFTER_WINDOW) == 100


def test_a_coupon_can_be_the_reward(session: Session) -> None:
    terms = replace(
        TERMS, referral=ReferralTerms(Reward(coupon="thanks"), Reward(10, "thanks"), min_spend=1)
    )
    publish(session, terms)
    store = new_store(session)
    coupon_service.create_kind(
        session, draft=KindDraft("thanks", "推薦禮", "amount_off", 50, valid_days=30), now=NOW
    )
    hana = inviter(session)
    ken = bring(session, hana, KEN)
    bought(session, ken.id, 300, store_id=store)
    pay(session, AFTER_WINDOW)
    for person in (hana, ken):
        held = coupons.usable_coupons(session, person.id, now=AFTER_WINDOW)
        assert [coupon.name for coupon in held] == ["推薦禮"]


def test_a_coupon_that_cannot_be_given_waits_for_a_person(session: Session) -> None:
    terms = replace(TERMS, referral=ReferralTerms(Reward(coupon="thanks"), Reward(10), min_spend=1))
    publish(session, terms)
    store = new_store(session)
    clerk = new_clerk(session, store)
    hana = inviter(session)
    ken = bring(session, hana, KEN)
    bought(session, ken.id, 300, store_id=store)
    assert pay(session, AFTER_WINDOW) == 1
    assert balance(session, ken.id, AFTER_WINDOW) == 3  # no half of it was given
    assert [item.id for item in queries.waiting_for_review(session)]
    assert pay(session, AFTER_WINDOW) == 0
    coupon_service.create_kind(
        session, draft=KindDraft("thanks", "推薦禮", "amount_off", 50, valid_days=30), now=NOW
    )
    waiting = queries.waiting_for_review(session)[0].id
    service.approve(session, referral_id=waiting, staff_id=clerk, device=None, now=AFTER_WINDOW)
    assert pay(session, AFTER_WINDOW) == 1
    assert status(session, ken.id) == ("rewarded", None)
    assert queries.broken(session) == []


# Who may not --------------------------------------------------------------------------------------


def test_a_member_of_long_standing_cannot_be_invited(session: Session, hana: Person) -> None:
    code = service.give_code(session, member=hana, now=NOW)
    for other in (hana, inviter(session)):
        with pytest.raises(CannotBeInvited) as refused:
            service.bind(session, friend=other, code=code, channel="chat", now=NOW)
        assert refused.value.reason == "member"


def test_a_code_nobody_has_is_refused(session: Session, hana: Person) -> None:
    with pytest.raises(CannotBeInvited) as refused:
        service.bind(
            session, friend=friend(session, KEN), code="AAAAAAAAAA", channel="chat", now=NOW
        )
    assert refused.value.reason == "unknown"


@pytest.mark.parametrize(("phone_of", "reason"), [("inviter", "self"), ("other member", "known")])
def test_a_phone_that_is_a_members_is_no_new_friend(
    session: Session, hana: Person, phone_of: str, reason: str
) -> None:
    phone = next(PHONES)
    holder = hana.id if phone_of == "inviter" else inviter(session).id
    session.execute(
        sa.text("UPDATE members SET phone = :phone WHERE id = :id"),
        {"phone": "+886" + phone[1:], "id": holder},
    )
    ken = invite(session, hana, KEN)
    join(session, KEN, phone=phone)
    assert status(session, ken.id) == ("rejected", reason)


def test_who_was_a_member_within_the_year_is_no_new_friend(session: Session, hana: Person) -> None:
    phone = next(PHONES)
    old = join(session, KEN, phone=phone)
    rights.close(session, member_id=old.member_id, channel="liff", now=NOW)
    gone = NOW + WIPE_AFTER
    rights.wipe_due(session, key=KEY, now=gone)
    session.expire_all()
    again = invite(session, hana, KEN, gone)
    assert again.id != old.member_id
    join(session, KEN, phone=phone, now=gone)
    assert status(session, again.id) == ("rejected", "known")
    year = gone + timedelta(days=366)
    rights.close(session, member_id=person_of(session, KEN).id, channel="liff", now=year)
    rights.wipe_due(session, key=KEY, now=year + WIPE_AFTER)
    session.expire_all()
    much_later = year + timedelta(days=400)
    third = invite(session, hana, KEN, much_later)
    join(session, KEN, phone=phone, now=much_later)
    assert status(session, third.id) == ("joined", None)


def test_minors_are_neither_rewarded_nor_inviters(session: Session, hana: Person) -> None:
    young = members.person(session, new_member(session, birthday=date(2010, 1, 1)))
    with pytest.raises(CannotInvite) as refused:
        service.give_code(session, member=young, now=NOW)
    assert refused.value.reason == "minor"
    ken = invite(session, hana, KEN)
    profile = Profile(date(2010, 5, 6), guardian=Guardian("王大明", "+886911111111"))
    join(session, KEN, phone=next(PHONES), profile=profile)
    assert status(session, ken.id) == ("rejected", "minor")


def test_who_works_here_invites_nobody(session: Session, store: int, hana: Person) -> None:
    ken, mei = bring(session, hana, KEN), invite(session, hana, MEI)
    clerk = new_clerk(session, store)
    service.link_staff(session, staff_id=clerk, member_id=hana.id, now=NOW)
    with pytest.raises(CannotInvite) as refused:
        service.give_code(session, member=hana, now=NOW)
    assert refused.value.reason == "staff"
    join(session, MEI, phone=next(PHONES))
    assert status(session, mei.id) == ("rejected", "inviter")
    bought(session, ken.id, 300, store_id=store, staff_id=clerk)
    assert status(session, ken.id) == ("rejected", "staff")


def test_two_cannot_invite_each_other(session: Session, hana: Person) -> None:
    ken = invite(session, hana, KEN)
    terms = {"status": "rewarded", "channel": "chat", "programme_version": 1, "bound_at": NOW}
    session.execute(
        sa.insert(REFERRALS),
        terms
        | {"member_id": hana.id, "inviter_id": ken.id, "join_by": NOW}
        | {"is_flagged": False, "inviter_is_paid": True},
    )
    join(session, KEN, phone=next(PHONES))
    assert status(session, ken.id) == ("rejected", "circular")


def test_an_inviter_who_left_gets_nothing_and_the_friend_does(
    session: Session, store: int, hana: Person
) -> None:
    ken = bring(session, hana, KEN)
    bought(session, ken.id, 300, store_id=store)
    rights.close(session, member_id=hana.id, channel="liff", now=NOW)
    pay(session, AFTER_WINDOW)
    assert status(session, ken.id) == ("rewarded", None)
    assert balance(session, hana.id, AFTER_WINDOW) == 0
    assert balance(session, ken.id, AFTER_WINDOW) == 53


def test_a_friend_who_left_brings_nothing(session: Session, store: int, hana: Person) -> None:
    ken = bring(session, hana, KEN)
    bought(session, ken.id, 300, store_id=store)
    rights.close(session, member_id=ken.id, channel="liff", now=NOW)
    pay(session, AFTER_WINDOW)
    assert status(session, ken.id) == ("rejected", "left")
    assert balance(session, hana.id, AFTER_WINDOW) == 0


# Codes and cards ----------------------------------------------------------------------------------


def test_a_code_is_given_once_and_cannot_be_guessed(session: Session, hana: Person) -> None:
    code = service.give_code(session, member=hana, now=NOW)
    assert service.give_code(session, member=hana, now=NOW) == code
    assert len(code) == 10
    assert not set(code) & set("0O1IL")
    assert service.give_code(session, member=inviter(session), now=NOW) != code


def test_a_card_is_good_for_one_friend(session: Session, hana: Person) -> None:
    token = service.share(session, member=hana, now=NOW)
    ken, mei = friend(session, KEN), friend(session, MEI)
    first = service.bind(session, friend=ken, token=token, channel="liff", now=NOW)
    again = service.bind(session, friend=ken, token=token, channel="liff", now=NOW)
    assert (first.inviter, first.is_new, again.is_new) == ("林○花", True, False)
    with pytest.raises(CannotBeInvited) as refused:
        service.bind(session, friend=mei, token=token, channel="liff", now=NOW)
    assert refused.value.reason == "used"
    assert token not in str(session.execute(sa.text("SELECT * FROM invite_shares")).all())


def test_a_card_lapses_and_is_forgotten(session: Session, hana: Person) -> None:
    token = service.share(session, member=hana, now=NOW)
    end = datetime(2026, 8, 4, tzinfo=TAIPEI)
    assert queries.inviting_by_token(session, token, now=end - timedelta(seconds=1))
    with pytest.raises(CannotBeInvited):
        service.bind(session, friend=friend(session, KEN), token=token, channel="liff", now=end)
    assert service.forget_old(session, now=end - timedelta(seconds=1)) == 0
    assert service.forget_old(session, now=end) == 1


def test_the_newest_invitation_counts(session: Session, hana: Person) -> None:
    ken = invite(session, hana, KEN)
    other = inviter(session)
    invite(session, other, KEN)
    join(session, KEN, phone=next(PHONES))
    states = session.execute(
        sa.select(REFERRALS.c.inviter_id, REFERRALS.c.status, REFERRALS.c.reason)
        .where(REFERRALS.c.member_id == ken.id)
        .order_by(REFERRALS.c.id)
    ).all()
    assert [tuple(row) for row in states] == [
        (hana.id, "lapsed", "replaced"),
        (other.id, "joined", None),
    ]


def test_an_invitation_ends_with_its_last_day(session: Session, hana: Person) -> None:
    end = datetime(2026, 8, 4, tzinfo=TAIPEI)
    ken, mei = invite(session, hana, KEN), invite(session, hana, MEI)
    join(session, KEN, phone=next(PHONES), now=end - timedelta(seconds=1))
    join(session, MEI, phone=next(PHONES), now=end)
    assert status(session, ken.id) == ("joined", None)
    assert status(session, mei.id) == ("lapsed", "expired")


def test_what_takes_too_long_lapses(session: Session, store: int, hana: Person) -> None:
    ken, mei = bring(session, hana, KEN), invite(session, hana, MEI)
    assert service.lapse_due(session, now=datetime(2026, 8, 4, tzinfo=TAIPEI)) == 1
    assert status(session, mei.id) == ("lapsed", "expired")
    end = datetime(2026, 10, 3, tzinfo=TAIPEI)
    bought(session, ken.id, 300, store_id=store, sold_at=end, now=end)
    assert status(session, ken.id) == ("joined", None)
    assert service.lapse_due(session, now=end + timedelta(days=6)) == 0
    in_time = end - timedelta(seconds=1)  # uploaded days later
    bought(session, ken.id, 300, store_id=store, sold_at=in_time, now=end + timedelta(days=6))
    assert status(session, ken.id) == ("pending", None)


def test_who_does_not_buy_in_time_brings_nothing(session: Session, hana: Person) -> None:
    ken = bring(session, hana, KEN)
    assert service.lapse_due(session, now=datetime(2026, 10, 10, tzinfo=TAIPEI)) == 1
    assert status(session, ken.id) == ("lapsed", "no_purchase")
    assert queries.broken(session) == []


# Caps, bursts and people --------------------------------------------------------------------------


def users(first: int, number: int) -> list[str]:
    return [f"U{serial:032x}" for serial in range(0xABC000 + first, 0xABC000 + first + number)]


def test_beyond_the_cap_of_a_month_only_friends_are_rewarded(
    session: Session, store: int, hana: Person
) -> None:
    friends = []
    for day, user in enumerate(users(0, 3)):  # one a day: no burst
        now = NOW + timedelta(days=day)
        friends.append(bring(session, hana, user, now))
        bought(session, friends[-1].id, 300, store_id=store, sold_at=now, now=now)
    for day in range(3):
        pay(session, AFTER_WINDOW + timedelta(days=day))
    end = AFTER_WINDOW + timedelta(days=2)
    assert balance(session, hana.id, end) == 200
    assert {balance(session, ken.id, end) for ken in friends} == {53}
    paid = session.scalars(sa.select(REFERRALS.c.inviter_is_paid).order_by(REFERRALS.c.id)).all()
    assert list(paid) == [True, True, False]


def test_a_new_month_has_a_cap_of_its_own(session: Session, store: int, hana: Person) -> None:
    for day, user in zip((0, 1, 28), users(10, 3), strict=True):
        now = NOW + timedelta(days=day)
        ken = bring(session, hana, user, now)
        bought(session, ken.id, 300, store_id=store, sold_at=now, now=now)
    pay(session, AFTER_WINDOW + timedelta(days=1))
    september = AFTER_WINDOW + timedelta(days=28)
    pay(session, september)
    assert balance(session, hana.id, september) == 300


def test_a_burst_waits_for_a_person(session: Session, store: int, hana: Person) -> None:
    clerk = new_clerk(session, store)
    friends = [bring(session, hana, user) for user in users(20, 5)]
    for ken in friends:
        bought(session, ken.id, 300, store_id=store)
    waiting = queries.waiting_for_review(session)
    assert sorted(item.friend_id for item in waiting) == sorted(ken.id for ken in friends[3:])
    pay(session, AFTER_WINDOW)
    assert [status(session, ken.id)[0] for ken in friends] == ["rewarded"] * 3 + ["pending"] * 2
    fourth, fifth = (item.id for item in reversed(waiting))
    facts = {"staff_id": clerk, "device": "till", "now": AFTER_WINDOW}
    service.approve(session, referral_id=fourth, **facts)  # type: ignore[arg-type]  # a shorthand
    service.reject(session, referral_id=fifth, reason="同一人", **facts)  # type: ignore[arg-type]
    with pytest.raises(NotWaiting):
        service.approve(session, referral_id=fifth, **facts)  # type: ignore[arg-type]
    with pytest.raises(NotWaiting):
        service.reject(session, referral_id=waiting[0].id, reason="x", **facts)  # type: ignore[arg-type]
    pay(session, AFTER_WINDOW)
    assert status(session, friends[3].id) == ("rewarded", None)
    assert status(session, friends[4].id) == ("rejected", "同一人")
    assert queries.broken(session) == []
    audited = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert audited[-2:] == ["referral.approved", "referral.rejected"]


def test_friends_over_days_are_no_burst(session: Session, hana: Person) -> None:
    for day, user in enumerate(users(30, 6)):
        bring(session, hana, user, NOW + timedelta(days=day, minutes=day))
    assert queries.waiting_for_review(session) == []


# At once ------------------------------------------------------------------------------------------


def test_one_card_opened_by_many_at_once_binds_one(db: Database) -> None:
    with db.transaction() as session:
        publish(session, TERMS)
        token = service.share(session, member=inviter(session), now=NOW)
        guests = [friend(session, user) for user in users(40, 6)]

    def open_card(guest: Person) -> object:
        with db.transaction() as session:
            return service.bind(session, friend=guest, token=token, channel="liff", now=NOW)

    found = at_once(*(lambda guest=guest: open_card(guest) for guest in guests))
    assert sum(isinstance(item, CannotBeInvited) for item in found) == 5
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(REFERRALS)) == 1


def test_two_jobs_and_a_refund_at_once_reward_once_or_not_at_all(db: Database) -> None:
    with db.transaction() as session:
        publish(session, TERMS)
        store = new_store(session)
        hana = inviter(session)
        sales = []
        for day, user in enumerate(users(50, 3)):
            now = NOW + timedelta(days=day)
            ken = bring(session, hana, user, now)
            sales.append(bought(session, ken.id, 300, store_id=store, sold_at=now, now=now))
    end = AFTER_WINDOW + timedelta(days=3)

    def job() -> None:
        with db.transaction() as session:
            pay(session, end)

    def give_back(sale: str) -> None:
        with db.transaction() as session:
            refunded(session, sale, 300, now=end)

    found = at_once(job, job, lambda: give_back(sales[0]), job, lambda: give_back(sales[2]))
    assert [item for item in found if item is not None] == []
    with db.reading() as session:
        states = session.scalars(sa.select(REFERRALS.c.status).order_by(REFERRALS.c.id)).all()
        paid = session.scalar(
            sa.select(sa.func.count()).where(REFERRALS.c.inviter_is_paid.is_(True))
        )
        assert set(states) <= {"rewarded", "cancelled"}
        assert states[1] == "rewarded"
        assert paid == min(states.count("rewarded"), 2)  # the cap of the month is two
        assert balance(session, hana.id, end) == 100 * paid
        assert queries.broken(session) == []
        assert points.unbalanced(session) == []


def test_friends_joining_at_once_are_all_counted(db: Database) -> None:
    """More than three within a day is a burst, also when none of them sees the others."""
    with db.transaction() as session:
        publish(session, TERMS)
        hana = inviter(session)
        guests = [(user, invite(session, hana, user), next(PHONES)) for user in users(60, 6)]

    def enter(user: str, phone: str) -> None:
        with db.transaction() as session:
            join(session, user, phone=phone)

    works = [lambda user=user, phone=phone: enter(user, phone) for user, _, phone in guests]
    assert [item for item in at_once(*works) if item is not None] == []
    with db.reading() as session:
        assert len(queries.waiting_for_review(session)) == 3
