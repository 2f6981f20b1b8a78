"""Draws under use: promised, entered, frozen, decided, handed over; also all at once."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.checkouts.service import CouponUse
from app.core.clock import taipei_date
from app.core.db import Database
from app.core.errors import Conflict, Invalid
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.draws import queries, rules, service
from app.draws.models import ENTRIES, PRIZES, WINS
from app.draws.queries import DrawShown
from app.draws.rules import AdultsOnly, DrawDraft, EntryLimit, NotOpen, Prize
from app.draws.service import Entered, TooGenerous
from app.draws.service.handing import NothingToClaim
from app.members import queries as members
from app.members.queries import Person
from app.outbox.models import OutboxRow
from app.points import queries as point_queries
from app.points import service as points
from app.points.rules import NotEnoughPoints
from app.points.service import Cause
from app.programmes.rules import DEFAULT
from app.purchases.rules import PurchaseOrder, RefundOrder
from flex_templates.theme import CAMPHOR
from tests.support.at_once import at_once
from tests.support.loyalty import new_clerk, new_member, new_store, publish
from tests.support.times import NOW

END = NOW + timedelta(days=7)
BORN = date(1990, 1, 1)
DRAFT = DrawDraft(
    "summer", "夏日抽獎", NOW, END, (Prize("茶具組", 1, 2_480), Prize("茶杯", 2, 500)),
    cost=10, per_member=3, per_day=2, alternates=1,
)  # fmt: skip
WHEEL = DrawDraft(
    "wheel", "幸運輪盤", NOW, END, (Prize("100 點", 3, points=100, weight=1),),
    kind="wheel", per_member=50,
)  # fmt: skip
_serials = count(1)


@pytest.fixture
def store(session: Session) -> int:
    publish(session)
    return new_store(session)


def plan(session: Session, draft: DrawDraft = DRAFT) -> DrawShown:
    return queries.draw(session, service.create(session, draft=draft, now=NOW, staff_id=None))


def rich(session: Session, number: int = 100, birthday: date | None = BORN) -> Person:
    """A member with so many points."""
    member_id = new_member(session, name="林小花", birthday=birthday)
    points.award(
        session,
        member_id=member_id,
        points=number,
        cause=Cause(f"gift:{member_id}", "test", "test"),
        terms=DEFAULT.points,
        now=NOW,
    )
    return members.person(session, member_id)


def press(
    session: Session, draw: DrawShown, member: Person, turn: int = 0, now: datetime = NOW
) -> Entered:
    return service.enter(session, draw_id=draw.id, member=member, turn=turn, now=now)


def balance(session: Session, member: Person) -> int:
    return point_queries.standing(session, member.id, now=NOW).balance


def bought(session: Session, member: Person, amount: int, store: int, **more: object) -> str:
    external_id = f"draw-sale-{next(_serials)}"
    order = PurchaseOrder(
        external_id=external_id, amount=amount, sold_at=NOW, member_id=member.id, store_id=store
    )
    checkouts.record_purchase(session, order=order, now=NOW, **more)  # type: ignore[arg-type]
    return external_id


def given_back(session: Session, sale: str, amount: int) -> None:
    order = RefundOrder(f"draw-back-{next(_serials)}", sale, amount)
    checkouts.refund_purchase(session, order=order, now=NOW)


def run(session: Session, draw: DrawShown, at: datetime = END) -> None:
    assert not queries.has_work(session, now=at - timedelta(microseconds=1))
    assert queries.has_work(session, now=at)
    assert service.freeze(session, draw_id=draw.id, now=at)
    assert service.decide(session, draw_id=draw.id, theme=CAMPHOR, now=at)


def tickets(session: Session, draw: DrawShown, member: Person) -> int:
    today = taipei_date(NOW)
    return len(queries.standing(session, draw=draw, member_id=member.id, today=today).tickets)


# Promised -----------------------------------------------------------------------------------------


def test_the_seed_is_told_to_nobody_before_the_draw(session: Session, store: int) -> None:
    draw = plan(session)
    seed = session.scalar(sa.text("SELECT seed FROM draws"))
    assert draw.commitment == rules.commitment(str(seed))
    assert seed not in repr(draw)
    assert queries.proof(session, draw.id) is None
    assert plan(session, replace(DRAFT, code="other")).commitment != draw.commitment


def test_a_code_is_promised_once(session: Session, store: int) -> None:
    plan(session)
    with pytest.raises(Conflict):
        plan(session)
    with pytest.raises(Invalid, match="ends_at"):
        plan(session, replace(DRAFT, code="x", ends_at=NOW))


def test_prizes_of_a_year_stay_within_the_law(session: Session, store: int) -> None:
    dear = (Prize("車", 30, 5_000_000),)  # NT$150 million
    with pytest.raises(TooGenerous) as refused:
        plan(session, replace(DRAFT, prizes=(*dear, Prize("茶", 1, 1))))
    assert (refused.value.planned, refused.value.limit) == (150_000_001, 150_000_000)
    plan(session, replace(DRAFT, prizes=dear))
    with pytest.raises(TooGenerous):
        plan(session, replace(DRAFT, code="more"))
    next_year = NOW.replace(year=NOW.year + 1)
    plan(session, replace(DRAFT, code="next", ends_at=next_year))


# Entered ------------------------------------------------------------------------------------------


def test_an_entry_costs_its_points_once_however_often_it_is_tapped(
    session: Session, store: int
) -> None:
    draw, hana = plan(session), rich(session)
    first = press(session, draw, hana)
    again = press(session, draw, hana)
    assert (first.is_new, again.is_new) == (True, False)
    assert first.ticket == again.ticket
    assert balance(session, hana) == 90
    assert press(session, draw, hana, turn=1).ticket != first.ticket
    assert balance(session, hana) == 80
    assert tickets(session, draw, hana) == 2


def test_limits_per_day_and_member(session: Session, store: int) -> None:
    draw, hana = plan(session), rich(session)
    for turn in (0, 1):
        press(session, draw, hana, turn)
    with pytest.raises(EntryLimit) as refused:
        press(session, draw, hana, 2)
    assert refused.value.per == "day"
    press(session, draw, hana, 2, NOW + timedelta(days=1))
    with pytest.raises(EntryLimit) as refused:
        press(session, draw, hana, 3, NOW + timedelta(days=2))
    assert refused.value.per == "member"
    assert balance(session, hana) == 70
    assert queries.broken(session) == []


def test_without_points_nothing_is_entered(session: Session, store: int) -> None:
    draw, poor = plan(session), rich(session, 9)
    with pytest.raises(NotEnoughPoints):
        press(session, draw, poor)
    assert tickets(session, draw, poor) == 0
    assert queries.broken(session) == []
    standing = queries.standing(session, draw=draw, member_id=poor.id, today=taipei_date(NOW))
    assert (standing.in_all, standing.today) == (0, 0)


@pytest.mark.parametrize(
    ("at", "reason"),
    [(NOW - timedelta(seconds=1), "waiting"), (END, "over"), (END + timedelta(days=1), "over")],
)
def test_the_period_is_half_open(session: Session, store: int, at: datetime, reason: str) -> None:
    draw, hana = plan(session), rich(session)
    with pytest.raises(NotOpen) as refused:
        press(session, draw, hana, now=at)
    assert refused.value.reason == reason
    press(session, draw, hana, now=END - timedelta(microseconds=1))


def test_minors_and_unknown_ages_win_no_wine(session: Session, store: int) -> None:
    draw = plan(session, replace(DRAFT, adults_only=True, sale_unit=100))
    for birthday in (date(2010, 1, 1), None):
        young = rich(session, birthday=birthday)
        with pytest.raises(AdultsOnly):
            press(session, draw, young)
        bought(session, young, 500, store)
        assert tickets(session, draw, young) == 0
    press(session, draw, rich(session))


def test_sales_bring_entries_and_refunds_take_them(session: Session, store: int) -> None:
    draw, hana = plan(session, replace(DRAFT, sale_unit=300, may_enter=False)), rich(session)
    bought(session, hana, 299, store)
    assert tickets(session, draw, hana) == 0
    sale = bought(session, hana, 950, store)
    assert tickets(session, draw, hana) == 3
    given_back(session, sale, 100)  # NT$850 stay
    assert tickets(session, draw, hana) == 2
    with pytest.raises(NotOpen) as refused:
        press(session, draw, hana)
    assert refused.value.reason == "closed"
    assert queries.broken(session) == []
    assert service.freeze(session, draw_id=draw.id, now=END)
    given_back(session, sale, 850)
    assert tickets(session, draw, hana) == 2  # a frozen list loses nobody
    assert queries.broken(session) == []


def test_the_receipt_says_what_came_with_it(session: Session, store: int) -> None:
    plan(session, replace(DRAFT, sale_unit=300))
    bought(session, rich(session), 950, store)
    said = session.scalars(sa.select(OutboxRow.payload).where(OutboxRow.kind == "receipt")).one()
    assert "「夏日抽獎」+3 次抽獎機會" in said


def test_a_coupon_used_on_a_sale_brings_an_entry(session: Session, store: int) -> None:
    draw, hana = plan(session, replace(DRAFT, coupon="lucky")), rich(session)
    kind = KindDraft("lucky", "抽獎券", "amount_off", 10, valid_days=30)
    coupons.create_kind(session, draft=kind, now=NOW)
    issued = coupons.issue(
        session, kind_code="lucky", member_id=hana.id, source="t", dedup_key="t", now=NOW
    )
    assert issued is not None
    bought(session, hana, 500, store)
    assert tickets(session, draw, hana) == 0
    sale = bought(session, hana, 500, store, coupons=(CouponUse(issued.code, 10),))
    assert tickets(session, draw, hana) == 1
    given_back(session, sale, 499)
    assert tickets(session, draw, hana) == 1
    given_back(session, sale, 1)
    assert tickets(session, draw, hana) == 0


def test_a_slip_of_the_till_does_not_fill_a_list(session: Session, store: int) -> None:
    draw, hana = plan(session, replace(DRAFT, sale_unit=1)), rich(session)
    bought(session, hana, 1_000_000, store)
    assert tickets(session, draw, hana) == 100


def test_a_sale_made_as_the_list_is_frozen_goes_on_without_it(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        draw, store = plan(session, replace(DRAFT, sale_unit=100)), new_store(session)
        people = [rich(session) for _ in range(6)]
    last = END - timedelta(microseconds=1)

    def sell(member: Person) -> object:
        order = PurchaseOrder(
            external_id=f"draw-sale-{next(_serials)}",
            amount=300,
            sold_at=last,
            member_id=member.id,
            store_id=store,
        )
        with db.transaction() as session:
            return checkouts.record_purchase(session, order=order, now=last).is_new

    def close() -> object:
        with db.transaction() as session:
            return service.freeze(session, draw_id=draw.id, now=END)

    sales = [lambda one=one: sell(one) for one in people]
    assert at_once(*sales[:3], close, *sales[3:]) == [True] * 7
    with db.reading() as session:
        listed = [one for _, _, one in queries.entrants(session, draw.id)]
        frozen = queries.draw(session, draw.id)
        assert rules.sha256(rules.entrants_text(listed)) == frozen.entrants_hash
        assert len(listed) % 3 == 0  # all of a sale's entries or none
        assert queries.broken(session) == []


def test_a_key_grants_once(session: Session, store: int) -> None:
    draw, hana = plan(session), rich(session)
    for is_new in (True, False):
        given = service.grant(
            session, draw=draw, member_id=hana.id, source="mission", dedup_key="m:1", now=NOW
        )
        assert given is is_new
    assert tickets(session, draw, hana) == 1


# Frozen and decided -------------------------------------------------------------------------------


def test_the_draw_follows_from_what_was_published(session: Session, store: int) -> None:
    draw = plan(session)
    people = [rich(session) for _ in range(8)]
    for person in people:
        press(session, draw, person)
    assert not service.freeze(session, draw_id=draw.id, now=END - timedelta(seconds=1))
    with pytest.raises(NotOpen):
        service.decide(session, draw_id=draw.id, theme=CAMPHOR, now=END)
    run(session, draw)
    frozen = queries.draw(session, draw.id)
    proof = queries.proof(session, draw.id)
    assert proof is not None
    rules.verify(proof)
    assert proof.commitment == draw.commitment  # the one of the beginning
    assert proof.entrants_hash == frozen.entrants_hash
    assert len(proof.entrants) == 8
    wins = queries.wins(session, draw.id)
    assert [(win.prize, win.status) for win in wins] == [
        ("茶具組", "won"), ("茶杯", "won"), ("茶杯", "won"), (None, "alternate"),
    ]  # fmt: skip
    assert len({win.member_id for win in wins}) == 4
    told = session.scalars(sa.select(OutboxRow.payload).where(OutboxRow.kind == "draw.won")).all()
    assert len(told) == 3
    assert sum("身分證明文件" in words for words in told) == 1  # NT$2,480 is for the statement
    assert queries.broken(session) == []
    assert point_queries.unbalanced(session) == []


def test_a_draw_is_decided_once(session: Session, store: int) -> None:
    draw = plan(session)
    press(session, draw, rich(session))
    run(session, draw)
    assert not service.freeze(session, draw_id=draw.id, now=END)
    assert not service.decide(session, draw_id=draw.id, theme=CAMPHOR, now=END)
    assert service.freeze_due(session, now=END) == 0
    assert service.decide_due(session, theme=CAMPHOR, now=END) == 0


def test_fewer_entries_than_prizes_and_none_at_all(session: Session, store: int) -> None:
    few, none = plan(session), plan(session, replace(DRAFT, code="none"))
    press(session, few, rich(session))
    for draw in (few, none):
        run(session, draw)
        proof = queries.proof(session, draw.id)
        assert proof is not None
        rules.verify(proof)
    assert len(queries.wins(session, few.id)) == 1
    assert queries.wins(session, none.id) == []
    assert queries.broken(session) == []


def test_points_and_coupons_come_by_themselves(session: Session, store: int) -> None:
    coupons.create_kind(
        session, draft=KindDraft("tea", "茶券", "amount_off", 50, valid_days=30), now=NOW
    )
    prizes = (Prize("點數與茶券", 1, points=500, coupon="tea"),)
    draw, hana = plan(session, replace(DRAFT, prizes=prizes)), rich(session)
    press(session, draw, hana)
    run(session, draw)
    assert queries.has_work(session, now=END)
    assert service.deliver_due(session, now=END) == 1
    assert service.deliver_due(session, now=END) == 0
    assert not queries.has_work(session, now=END)
    assert balance(session, hana) == 590
    assert len(coupon_queries.usable_coupons(session, hana.id, now=END)) == 1
    assert [win.status for win in queries.wins(session, draw.id)] == ["claimed"]


def test_what_cannot_be_delivered_is_left_to_the_staff(session: Session, store: int) -> None:
    prizes = (Prize("茶券", 1, points=5, coupon="nothing of the kind"),)
    draw, hana = plan(session, replace(DRAFT, prizes=prizes)), rich(session)
    press(session, draw, hana)
    run(session, draw)
    assert service.deliver_due(session, now=END) == 0
    assert service.deliver_due(session, now=END) == 0
    (win,) = queries.wins(session, draw.id)
    assert win.status == "won"
    assert win.stuck
    assert balance(session, hana) == 90  # no half of it


def test_a_prize_is_handed_over_once(session: Session, store: int) -> None:
    draw = plan(session)
    press(session, draw, rich(session))
    run(session, draw)
    clerk = new_clerk(session, store)
    (win,) = queries.wins(session, draw.id)
    service.claim(session, win_id=win.id, staff_id=clerk, device=None, now=END)
    with pytest.raises(NothingToClaim):
        service.claim(session, win_id=win.id, staff_id=clerk, device=None, now=END)


def test_who_does_not_come_makes_room_for_the_next_in_line(session: Session, store: int) -> None:
    draw = plan(session, replace(DRAFT, prizes=(Prize("茶具組", 1, 2_480),), claim_days=30))
    for _ in range(3):
        press(session, draw, rich(session))
    run(session, draw)
    first, second = queries.wins(session, draw.id)
    late = rules.claim_by(END, 30)
    assert service.forfeit_due(session, theme=CAMPHOR, now=late - timedelta(seconds=1)) == 0
    assert not queries.has_work(session, now=late - timedelta(seconds=1))
    assert queries.has_work(session, now=late)
    assert service.forfeit_due(session, theme=CAMPHOR, now=late) == 1
    states = [(win.id, win.status, win.prize) for win in queries.wins(session, draw.id)]
    assert states == [(first.id, "forfeited", "茶具組"), (second.id, "won", "茶具組")]
    told = session.scalars(
        sa.select(OutboxRow.member_id).where(OutboxRow.kind == "draw.won").order_by(OutboxRow.id)
    ).all()
    assert list(told) == [first.member_id, second.member_id]
    proof = queries.proof(session, draw.id)
    assert proof is not None
    rules.verify(proof)  # what became of the prizes does not change what was decided
    assert queries.broken(session) == []
    assert service.forfeit_due(session, theme=CAMPHOR, now=late + timedelta(days=60)) == 1


# The wheel ----------------------------------------------------------------------------------------


def test_a_spin_gives_at_once_and_only_what_is_there(session: Session, store: int) -> None:
    wheel = plan(session, replace(WHEEL, blank_weight=1))
    hana = rich(session, 0)
    found = [press(session, wheel, hana, turn) for turn in range(20)]
    won = [spin for spin in found if spin.prize is not None]
    assert len(won) == 3
    assert balance(session, hana) == 300
    assert session.scalars(sa.select(PRIZES.c.remaining)).all() == [0]
    again = press(session, wheel, hana, 0)
    assert (again.is_new, again.ticket) == (False, found[0].ticket)
    assert (again.prize is None) == (found[0].prize is None)
    run(session, wheel)
    proof = queries.proof(session, wheel.id)
    assert proof is not None
    assert len(proof.spins) == 20
    rules.verify(proof)
    assert queries.broken(session) == []
    assert point_queries.unbalanced(session) == []


def test_spins_given_with_a_sale_are_used_before_points(session: Session, store: int) -> None:
    wheel = plan(
        session, replace(WHEEL, cost=10, sale_unit=500, prizes=(Prize("杯", 99, weight=1),))
    )
    hana = rich(session)
    sale = bought(session, hana, 1_000, store)
    earned = balance(session, hana)
    press(session, wheel, hana, 0)
    assert balance(session, hana) == earned
    given_back(session, sale, 1_000)  # one spin was used, the other goes
    standing = queries.standing(session, draw=wheel, member_id=hana.id, today=taipei_date(NOW))
    assert (standing.turn, standing.spare) == (1, 0)
    before = balance(session, hana)
    press(session, wheel, hana, 1)
    assert balance(session, hana) == before - 10
    assert queries.broken(session) == []


# At once ------------------------------------------------------------------------------------------


def pressing(
    db: Database, draw: DrawShown, member: Person, turn: int, now: datetime = NOW
) -> object:
    with db.transaction() as session:
        return press(session, draw, member, turn, now)


def test_the_last_prize_goes_to_one(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        wheel = plan(session, replace(WHEEL, prizes=(Prize("茶具組", 1, weight=1),)))
        people = [rich(session) for _ in range(8)]
    found = at_once(*(lambda one=one: pressing(db, wheel, one, 0) for one in people))
    spins = [spin for spin in found if isinstance(spin, Entered)]
    assert len(spins) == 8
    assert sum(spin.prize is not None for spin in spins) == 1
    with db.transaction() as session:
        assert queries.broken(session) == []
        run(session, wheel)
        proof = queries.proof(session, wheel.id)
        assert proof is not None
        assert [spin.nonce for spin in proof.spins] == list(range(1, 9))
        rules.verify(proof)


def test_a_double_tap_is_one_entry_and_one_payment(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        draw, hana = plan(session), rich(session)
    found = at_once(*(lambda: pressing(db, draw, hana, 0) for _ in range(6)))
    assert all(isinstance(item, Entered) for item in found)
    with db.reading() as session:
        assert tickets(session, draw, hana) == 1
        assert balance(session, hana) == 90


def test_the_limit_holds_against_many_buttons_at_once(db: Database) -> None:
    """Sales' entries and presses of one member together, the limit of presses is two a day."""
    with db.transaction() as session:
        publish(session)
        draw, hana = plan(session), rich(session)
        pressing_turns = [0, 1, 2, 3, 0, 1]
    found = at_once(*(lambda t=turn: pressing(db, draw, hana, t) for turn in pressing_turns))
    with db.reading() as session:
        made = tickets(session, draw, hana)
        assert 1 <= made <= 2
        assert balance(session, hana) == 100 - 10 * made
        assert queries.broken(session) == []
    assert all(isinstance(item, Entered | EntryLimit) for item in found)


def test_who_enters_as_it_closes_is_in_the_list_or_refused(db: Database) -> None:
    """Nobody pays and is not in the list; nobody is in it after its hash was taken."""
    with db.transaction() as session:
        publish(session)
        draw = plan(session)
        people = [rich(session) for _ in range(8)]
    last = END - timedelta(microseconds=1)

    def close() -> object:
        with db.transaction() as session:
            return service.freeze(session, draw_id=draw.id, now=END)

    works = [lambda one=one: pressing(db, draw, one, 0, last) for one in people]
    found = at_once(*works[:4], close, *works[4:], close)
    assert found.count(True) == 1
    with db.reading() as session:
        listed = [one for _, _, one in queries.entrants(session, draw.id)]
        frozen = queries.draw(session, draw.id)
        assert rules.sha256(rules.entrants_text(listed)) == frozen.entrants_hash
        entered = [item for item in found if isinstance(item, Entered)]
        assert {one.ticket for one in listed} == {item.ticket for item in entered}
        paid = sum(100 - balance(session, one) for one in people)
        assert paid == 10 * len(listed)
        assert queries.broken(session) == []


def test_two_who_run_a_draw_run_it_once(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        draw = plan(session, replace(DRAFT, prizes=(Prize("點", 2, points=50),)))
        for _ in range(4):
            press(session, draw, rich(session))
        assert service.freeze(session, draw_id=draw.id, now=END)

    def decide() -> object:
        with db.transaction() as session:
            return service.decide(session, draw_id=draw.id, theme=CAMPHOR, now=END)

    def deliver() -> object:
        with db.transaction() as session:
            return service.deliver_due(session, now=END)

    assert sorted(at_once(*[decide] * 4)) == [False, False, False, True]  # type: ignore[type-var]
    assert sum(at_once(*[deliver] * 4)) == 2  # type: ignore[arg-type]  # numbers
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(WINS)) == 3
        assert session.scalar(sa.select(sa.func.count()).select_from(ENTRIES)) == 4
        assert point_queries.unbalanced(session) == []
        assert queries.broken(session) == []
