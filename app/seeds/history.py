"""Lets the product's own services live through two years: every joining, sale, refund, redemption
and nightly job in the order of time, so that what is stored is what really would have been.

Two things differ from real life. The LINE user ids are filled in at the very end, so nobody is sent
a message about the past. And people are written in bulk before their first day, which nothing that
happens before it looks at."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from heapq import merge
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.benefits import queries as benefit_queries
from app.benefits import service as benefits
from app.checkouts import service as checkouts
from app.checkouts.service import CouponUse, PointPayment
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import Database, table_of
from app.coupons import queries as coupon_queries
from app.coupons import rules as coupon_rules
from app.coupons import service as coupons
from app.coupons.rules import CouponNotUsable, Situation
from app.enrolments.notice import notice
from app.enrolments.service import gifts
from app.lifecycle import service as lifecycle
from app.lifecycle.models import DROPPED, SENDS
from app.lifecycle.service import gifts as birthdays
from app.members import models as member_models
from app.members import queries as members_of
from app.members import service as members
from app.members.models import Consent, Member
from app.points import service as points
from app.points.models import ACCOUNTS
from app.points.rules import NotEnoughPoints
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.referrals import service as referrals
from app.referrals.rules import CannotInvite
from app.referrals.rules import Newcomer as Joiner
from app.rewards import queries as reward_queries
from app.rewards import service as rewards
from app.rewards.rules import RewardRefused
from app.scores import service as scores
from app.seeds import brand, changes, draws, experiments, journeys, letters, people, tags, visits
from app.seeds.brand import Shop
from app.seeds.people import CAST, Newcomer
from app.seeds.visits import Visit
from app.tiers import service as tiers
from app.tiers.models import PERIODS
from app.timeline.models import Fact
from flex_templates.theme import CAMPHOR

SEED: Final = 20260704
BROUGHT_BY_A_FRIEND: Final = 0.2
NOT_SENT: Final = "示範資料：在啟用之前"
LATE: Final = timedelta(hours=9)  # before midnight in Taipei, on the same day in London
POINTS_STEP: Final = 10  # points are redeemed in tens, NT$1 each
_MEMBERS, _FACTS, _CONSENTS = table_of(Member), table_of(Fact), table_of(Consent)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the history has come."""

    share: float  # 0 to 1
    sales: int


@dataclass(frozen=True, slots=True)
class Told:
    """What was written."""

    members: int
    guests: int
    sales: int


class _What(IntEnum):
    """In this order when at the same moment: a joining comes before the sale."""

    JOIN = 0
    NIGHT = 1
    BIRTHDAYS = 2
    TREAT = 3
    SALE = 4
    REFUND = 5
    BLOCK = 6
    BACK = 7


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    what: _What
    person: int | None = None  # index
    visit: Visit | None = None
    serial: int = 0  # of the visit


SAVED_UP: Final = 90  # points from which a member looks at the rewards
CHOOSES: Final = 0.4  # a month, of those who have not chosen
FETCHED: Final = 0.8  # of the exchanges
_TREATS: Final = (185, 95, 3)  # so many days ago, for everybody in the upper tiers


def write(
    db: Database,
    *,
    members: int,
    now: datetime,
    seed: int = SEED,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Told:
    """Fill an empty, migrated database. A month of history is one transaction."""
    opened_at = taipei_midnight(taipei_date(now - people.HISTORY - timedelta(days=31)))
    everybody = people.draw(members=members, seed=seed, now=now)
    with db.transaction() as session:
        shop = brand.open_shop(session, opened_at=opened_at, now=now)
        ids = _introduce(session, everybody)
    chronicle = _Chronicle(shop, everybody, ids, seed=seed)
    events = _events(everybody, Random(seed + 1), now)  # noqa: S311  # repeatable on purpose
    for _, month in groupby(events, key=lambda event: (event.at.year, event.at.month)):
        with db.transaction() as session:
            at = now
            for event in month:
                chronicle.live(session, event)
                at = event.at
            _measure(session, at, now)
        share = (at - opened_at) / (now - opened_at)
        on_progress(Progress(min(1.0, share), chronicle.sales))
    with db.transaction() as session:
        chronicle.night(session, now, is_last=True)
        regulars = [
            member_id
            for member_id, one in zip(ids, everybody, strict=True)
            if one.joined_at is not None and one.joined_at < now - draws.SINCE
        ]
        draws.write(session, regulars, rng=Random(seed + 4), now=now)  # noqa: S311  # as above
        _connect(session, everybody, ids)
        _employ(session, shop, now)
        tags.write(session, now=now)
        scores.night(session, now=now)
        letters.write(session, rng=Random(seed + 5), now=now)  # noqa: S311  # as above
        journeys.write(session, rng=Random(seed + 6), now=now)  # noqa: S311  # as above
        experiments.write(session, rng=Random(seed + 7), now=now)  # noqa: S311  # as above
        changes.write(session, now=now)
        _pass_over(session, now)
    joined = sum(person.joined_at is not None for person in everybody)
    return Told(joined, len(everybody) - joined, chronicle.sales)


def _measure(session: Session, at: datetime, now: datetime) -> None:
    """The last night of a month that is over; the models are for today."""
    first = taipei_date(at - LATE).replace(day=1)
    end = taipei_midnight((first + timedelta(days=32)).replace(day=1)) - LATE
    if end < now:
        scores.night(session, now=end, with_models=False)


# The plan -----------------------------------------------------------------------------------------


def _events(everybody: Sequence[Newcomer], rng: Random, now: datetime) -> Iterator[_Event]:
    of_people = [
        event
        for index, person in enumerate(everybody)
        for event in _events_of(rng, index, person, now)
    ]
    known = sum(event.what == _What.SALE for event in of_people)
    unknown = visits.strangers(
        rng, round(known * visits.UNKNOWN), since=now - people.HISTORY, now=now
    )
    of_people += [_Event(visit.at, _What.SALE, None, visit) for visit in unknown]
    order = attrgetter("at", "what")
    return merge(sorted(of_people, key=order), _calendar(now), key=order)


def _events_of(rng: Random, index: int, person: Newcomer, now: datetime) -> Iterator[_Event]:
    if person.joined_at is not None:
        yield _Event(person.joined_at, _What.JOIN, index)
    if person.blocked_at is not None:
        yield _Event(person.blocked_at, _What.BLOCK, index)
    if person.back_at is not None:
        yield _Event(person.back_at, _What.BACK, index)
    for serial, visit in enumerate(visits.visits_of(rng, person, now)):
        yield _Event(visit.at, _What.SALE, index, visit, serial)
        if visit.brought_back is not None:
            yield _Event(visit.brought_back.at, _What.REFUND, index, visit, serial)


def _calendar(now: datetime) -> Iterator[_Event]:
    """The nightly jobs, and on the first of each month the birthday gifts."""
    day, today = taipei_date(now - people.HISTORY), taipei_date(now)
    treats = {today - timedelta(days=days) for days in _TREATS}
    while day <= today:
        midnight = taipei_midnight(day)
        yield _Event(midnight, _What.NIGHT)
        at = midnight + timedelta(hours=10)
        if day.day == 1 and at <= now:
            yield _Event(at, _What.BIRTHDAYS)
        if day in treats:
            yield _Event(at, _What.TREAT)
        day += timedelta(days=1)


# People -------------------------------------------------------------------------------------------


def _introduce(session: Session, everybody: Sequence[Newcomer]) -> list[int]:
    """Write everybody down with their consents; return their ids in the same order."""
    insert = sa.insert(_MEMBERS).returning(_MEMBERS.c.id, sort_by_parameter_order=True)
    ids = list(session.connection().execute(insert, [_row(one) for one in everybody]).scalars())
    session.execute(sa.insert(_FACTS), list(_first_facts(ids, everybody)))
    session.execute(sa.insert(_CONSENTS), list(_consents(ids, everybody)))
    return ids


def _row(person: Newcomer) -> dict[str, Any]:
    has_line, born = person.line_user_id is not None, person.birthday
    joined = person.joined_at is not None
    return {
        "number": person.number,
        "status": member_models.MEMBER if joined else member_models.GUEST,
        "line_user_id": None,  # filled in at the end, see above
        "is_friend": has_line,
        "friended_at": person.met_at if has_line else None,
        "friendship_at": person.met_at if has_line else None,
        "display_name": person.display_name,
        "language": "zh-Hant" if has_line else None,
        "name": person.name,
        "phone": person.phone,
        "birthday": born,
        "birth_month": None if born is None else born.month,
        "birth_day": None if born is None else born.day,
        "birthday_edits": 0,
        "gender": person.gender,
        "email": person.email,
        "city": person.city,
        "district": person.district,
        "joined_at": person.joined_at,
        "join_source": person.source if joined else None,
        "guardian_name": None if person.guardian is None else person.guardian.name,
        "guardian_phone": None if person.guardian is None else person.guardian.phone,
        "marketing_ok": person.marketing_ok,
        "is_test": False,
        "created_at": person.met_at,
        "last_seen_at": (person.joined_at or person.met_at) if has_line else None,
    }


def _first_facts(ids: Sequence[int], everybody: Sequence[Newcomer]) -> Iterator[dict[str, Any]]:
    for member_id, person in zip(ids, everybody, strict=True):
        if person.line_user_id is not None:
            yield _fact(member_id, "member.friended", person.met_at, {})
        if person.joined_at is not None:
            facts = {"channel": person.channel, "source": person.source, "how": "new"}
            yield _fact(member_id, "member.joined", person.joined_at, facts)


def _fact(member_id: int, kind: str, at: datetime, facts: dict[str, Any]) -> dict[str, Any]:
    return {"member_id": member_id, "kind": kind, "at": at, "facts": facts}


def _consents(ids: Sequence[int], everybody: Sequence[Newcomer]) -> Iterator[dict[str, Any]]:
    version = notice(brand.NAME).version
    for member_id, person in zip(ids, everybody, strict=True):
        if person.joined_at is None:
            continue
        for kind, is_given in (
            ("notice", True),
            ("terms", True),
            ("marketing", person.marketing_ok),
            ("sharing", person.sharing_ok),
        ):
            yield {
                "member_id": member_id,
                "kind": kind,
                "version": version,
                "is_given": is_given,
                "channel": person.channel,
                "at": person.joined_at,
            }


def _connect(session: Session, everybody: Sequence[Newcomer], ids: Sequence[int]) -> None:
    """From here on they can be written to."""
    rows = [
        {"member": member_id, "line": person.line_user_id}
        for member_id, person in zip(ids, everybody, strict=True)
        if person.line_user_id is not None
    ]
    session.connection().execute(
        sa.update(_MEMBERS)
        .where(_MEMBERS.c.id == sa.bindparam("member"))
        .values(line_user_id=sa.bindparam("line")),
        rows,
    )


def _employ(session: Session, shop: Shop, now: datetime) -> None:
    """One of the cast works here, so that letters can be tried on them."""
    tester = members_of.person_by_line_id(session, people.TESTER.line_user_id)
    if tester is not None:
        referrals.link_staff(session, staff_id=shop.owner_id, member_id=tester.id, now=now)


def _pass_over(session: Session, now: datetime) -> None:
    """Nobody is written to today for something of the days before."""
    today = taipei_date(now)
    for trigger in lifecycle.triggers_due(now=now):
        if trigger.day < today:
            lifecycle.plan_one(session, trigger, now=now)
    session.execute(sa.update(SENDS).values(status=DROPPED, reason=NOT_SENT, decided_at=now))


# What happens -------------------------------------------------------------------------------------


class _Chronicle:
    """Carries events out through the services."""

    def __init__(
        self, shop: Shop, everybody: Sequence[Newcomer], ids: Sequence[int], *, seed: int
    ) -> None:
        self._shop, self._everybody, self._ids = shop, everybody, ids
        self._friends = Random(seed + 3)  # noqa: S311  # repeatable on purpose
        self._gifts = Random(seed + 4)  # noqa: S311  # repeatable on purpose
        self._choosing = Random(seed + 9)  # noqa: S311  # repeatable on purpose
        self._rng = Random(seed + 2)  # noqa: S311  # repeatable on purpose
        self._paid: dict[tuple[int, int], tuple[str, int]] = {}  # external id, NT$
        self._invoices: Counter[str] = Counter()
        self._holders: set[int] = set()  # members who were given a coupon at some time
        self.sales = 0

    def live(self, session: Session, event: _Event) -> None:
        match event.what:
            case _What.JOIN:
                self._join(session, event)
            case _What.NIGHT:
                self.night(session, event.at)
            case _What.BIRTHDAYS:
                self._give_birthday_coupons(session, event.at)
                self._exchange(session, event.at)
                self._choose(session, event.at)
            case _What.SALE:
                self._sell(session, event)
            case _What.REFUND:
                self._refund(session, event)
            case _What.TREAT:
                self._treat(session, event.at)
            case _:
                self._block_or_return(session, event)

    def night(self, session: Session, now: datetime, *, is_last: bool = False) -> None:
        """What the clock does: tiers, coupons and points whose time has come. Points once a week is
        enough, because whatever touches an account settles it first, with the times things had;
        so are rewards that nobody fetched."""
        is_weekly = taipei_date(now).weekday() == 0
        while (is_weekly or is_last) and points.settle_due(session, now=now):
            pass
        while tiers.review_at_expiry(session, now=now):
            pass
        while coupons.expire_due(session, now=now):
            pass
        while (is_weekly or is_last) and rewards.lapse_due(session, now=now):
            pass
        while referrals.pay_due(session, theme=CAMPHOR, now=now):
            pass
        while referrals.lapse_due(session, now=now):
            pass

    def _join(self, session: Session, event: _Event) -> None:
        member_id = self._ids[event.person or 0]
        gifts.welcome(session, member_id=member_id, is_known_phone=False, now=event.at)
        self._holders.add(member_id)
        if self._friends.random() < BROUGHT_BY_A_FRIEND:
            self._come_by_a_friend(session, event.person or 0, event.at)

    def _come_by_a_friend(self, session: Session, index: int, now: datetime) -> None:
        """As if they had come by the code of somebody who was a member before."""
        person = self._everybody[index]
        inviter = self._friends.randrange(len(self._ids))
        sponsor = self._everybody[inviter]
        is_member = sponsor.joined_at is not None and sponsor.joined_at < now
        is_cast = any((one.line_user_id or "").startswith(CAST) for one in (person, sponsor))
        if person.birthday is None or not is_member or is_cast:
            return
        guest = replace(members_of.person(session, self._ids[index]), status=member_models.GUEST)
        host = members_of.person(session, self._ids[inviter])
        try:
            code = referrals.give_code(session, member=host, now=now)
        except CannotInvite:
            return
        referrals.bind(session, friend=guest, code=code, channel="chat", now=now)
        newcomer = Joiner(guest.id, is_known=False, birthday=person.birthday)
        referrals.joined(session, guest_id=guest.id, friend=newcomer, now=now)

    def _block_or_return(self, session: Session, event: _Event) -> None:
        index = event.person or 0
        recipient = self._everybody[index].line_user_id or ""
        if event.what == _What.BLOCK:
            members.unfriend(session, member_id=self._ids[index], recipient=recipient, at=event.at)
        else:
            members.befriend(session, member_id=self._ids[index], recipient=recipient, at=event.at)

    def _give_birthday_coupons(self, session: Session, now: datetime) -> None:
        today = taipei_date(now)
        born = [
            (member_id, f"{today:%Y-%m}")
            for member_id, person in zip(self._ids, self._everybody, strict=True)
            if person.birthday is not None
            and person.birthday.month == today.month
            and person.joined_at is not None
            and person.joined_at < taipei_midnight(today)
        ]
        birthdays.grant_birthdays(session, born, now=now)
        self._holders.update(member_id for member_id, _ in born)

    def _treat(self, session: Session, now: datetime) -> None:
        """A season's campaign: a cup of tea and a delivery for gold and platinum."""
        season = f"season:{taipei_date(now):%Y-%m}"
        upper = sa.select(PERIODS.c.member_id).where(
            PERIODS.c.closed_at.is_(None), PERIODS.c.tier_code.in_(("gold", "platinum"))
        )
        for member_id in session.scalars(upper.order_by(PERIODS.c.member_id)).all():
            self._holders.add(member_id)
            for kind_code in ("tasting", "delivery"):
                coupons.issue(
                    session,
                    kind_code=kind_code,
                    member_id=member_id,
                    source=season,
                    dedup_key=f"{season}:{kind_code}:{member_id}",
                    now=now,
                )

    def _exchange(self, session: Session, now: datetime) -> None:
        """A few who have saved up take something, and most fetch it within the week."""
        rich = sa.select(ACCOUNTS.c.member_id).where(ACCOUNTS.c.balance >= SAVED_UP)
        saved = set(session.scalars(rich))
        savers = [
            member_id
            for member_id, person in zip(self._ids, self._everybody, strict=True)
            if member_id in saved and not (person.line_user_id or "").startswith(CAST)
        ]
        catalogue = reward_queries.catalogue(session, now=now)
        for member_id in self._gifts.sample(savers, min(len(savers), 1 + len(savers) // 12)):
            wanted = self._gifts.choice(catalogue)
            at = now + timedelta(minutes=self._gifts.randrange(600))
            try:
                with session.begin_nested():
                    done = rewards.exchange(
                        session,
                        reward_id=wanted.reward_id,
                        member_id=member_id,
                        form_id=f"{at:%y%m%d%H%M}",
                        now=at,
                    )
            except (RewardRefused, NotEnoughPoints):
                continue
            self._holders.add(member_id)
            if self._gifts.random() < FETCHED:
                self._fetch(session, done.exchange_id, member_id, at)

    def _choose(self, session: Session, now: datetime) -> None:
        """Most of those whose tier lets them choose do so soon after the season's first day."""
        upper = sa.select(PERIODS.c.member_id).where(
            PERIODS.c.closed_at.is_(None), PERIODS.c.tier_code.in_(("gold", "platinum"))
        )
        allowed = set(session.scalars(upper))
        for member_id, person in zip(self._ids, self._everybody, strict=True):
            is_cast = (person.line_user_id or "").startswith(CAST)
            if member_id not in allowed or is_cast or self._choosing.random() > CHOOSES:
                continue
            at = now + timedelta(minutes=self._choosing.randrange(600))
            for shown in benefit_queries.choices(session, member_id, now=at):
                if shown.claimed is not None:
                    continue
                option = self._choosing.choice(shown.choice.options)
                benefits.claim(
                    session,
                    member_id=member_id,
                    choice=shown.choice.code,
                    option=option.code,
                    now=at,
                )
                self._holders.add(member_id)

    def _fetch(self, session: Session, exchange_id: int, member_id: int, at: datetime) -> None:
        held = reward_queries.exchange_of(session, exchange_id, member_id=member_id)
        assert held is not None
        assert held.coupon_code is not None
        store = self._shop.stores[self._gifts.randrange(len(self._shop.stores))]
        coupons.redeem(
            session,
            code=held.coupon_code,
            member_id=member_id,
            store_id=store.id,
            staff_id=store.clerks[0],
            situation=Situation(amount=500, at=at, store=store.code, channel="clerk"),
            now=at + timedelta(hours=1),
        )

    # At the till

    def _sell(self, session: Session, event: _Event) -> None:
        visit = event.visit
        assert visit is not None
        member_id = None if event.person is None else self._ids[event.person]
        self.sales += 1
        external_id = f"POS-{visit.at:%y%m%d}-{self.sales:06d}"
        amount, coupon, payment = visit.amount, None, None
        store = self._shop.stores[visit.store]
        staff_id = store.clerks[0]
        if member_id is not None and event.person is not None:
            if visit.uses_coupon and member_id in self._holders:
                amount, coupon = self._with_coupon(session, member_id, visit, store.code)
            if visit.uses_points and coupon is None:
                payment = _payment(session, member_id, amount, visit.at)
                amount -= 0 if payment is None else payment.points  # a point pays NT$1 here
            self._paid[event.person, event.serial] = external_id, amount
        period = _period(visit.at)
        self._invoices[period] += 1
        order = PurchaseOrder(
            external_id=external_id,
            amount=amount,
            sold_at=visit.at,
            channel=visit.channel,
            member_id=member_id,
            store_id=store.id,
            staff_id=staff_id if visit.channel == "clerk" else None,
            items=visit.items,
            invoice_number=f"LC{10_000_000 + self._invoices[period]:08d}",
            invoice_period=period,
        )
        checkouts.record_purchase(
            session,
            order=order,
            now=visit.at,
            coupons=() if coupon is None else (coupon,),
            payment=payment,
        )

    def _with_coupon(
        self, session: Session, member_id: int, visit: Visit, store: str
    ) -> tuple[int, CouponUse | None]:
        """What is left to pay, and the coupon that was shown."""
        situation = checkouts.situation(
            visit.items,
            visit.amount,
            at=visit.at,
            store=store,
            channel=visit.channel,
            tier="",
            birth_month=None,
            is_first_purchase=False,
        )
        for held in coupon_queries.usable_coupons(session, member_id, now=visit.at, limit=5):
            try:
                coupon_rules.check(held.offer, situation)
            except CouponNotUsable:
                continue
            off = coupon_rules.discount(held.offer, situation)
            if visit.amount - off >= held.min_spend:
                return visit.amount - off, CouponUse(held.code, off)
        return visit.amount, None

    def _refund(self, session: Session, event: _Event) -> None:
        visit = event.visit
        assert visit is not None
        assert visit.brought_back is not None
        assert event.person is not None
        external_id, paid = self._paid[event.person, event.serial]
        is_whole = visit.brought_back.is_whole
        back = visit.items if is_whole else visit.items[:1]
        amount = paid if is_whole else min(paid, sum(item.amount for item in back))
        if amount < 1:
            return
        order = RefundOrder(
            external_id=f"{external_id}-R1",
            purchase_external_id=external_id,
            amount=amount,
            items=tuple({"sku": item.sku, "quantity": item.quantity} for item in back),
            store_id=self._shop.stores[visit.store].id,
            staff_id=self._shop.owner_id,
        )
        checkouts.refund_purchase(session, order=order, now=event.at)


def _payment(session: Session, member_id: int, amount: int, now: datetime) -> PointPayment | None:
    """As many points as pay: whole tens, at most a third of the sale."""
    balance = points.lock(session, member_id=member_id, now=now).balance
    used = min(balance, amount // 3) // POINTS_STEP * POINTS_STEP
    return PointPayment(used, "card") if used >= POINTS_STEP else None


def _period(at: datetime) -> str:
    """ROC year and the even month of the two-month invoice period."""
    day = taipei_date(at)
    return f"{day.year - 1911}{day.month + day.month % 2:02d}"
