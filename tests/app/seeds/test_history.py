"""The made-up past is what the services would have written."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.coupons import queries as coupons
from app.coupons.models import Coupon
from app.journeys import queries as journeys
from app.lifecycle.models import DROPPED, LifecycleSend
from app.members.models import Consent, Member
from app.outbox.models import OutboxRow, StoppedRecipient
from app.points import queries as points
from app.points.models import PointOperation
from app.purchases import queries as purchases
from app.purchases.models import Purchase, PurchaseItem, Refund
from app.rewards import queries as rewards
from app.seeds import history, people
from app.tiers import queries as tiers
from app.timeline import queries as timeline
from tests.support.times import NOW


def test_every_book_adds_up_and_nothing_is_sent_about_the_past(db: Database) -> None:
    told = history.write(db, members=60, now=NOW)
    with db.reading() as session:
        assert points.unbalanced(session) == []
        assert points.unsettled(session, before=NOW) == []
        assert purchases.broken(session) == []
        assert tiers.broken(session) == []
        assert coupons.broken(session) == []
        assert journeys.broken(session) == []
        sent = session.execute(sa.select(OutboxRow.status, OutboxRow.kind).distinct())
        assert {(status, kind.partition(":")[0]) for status, kind in sent} == {
            ("sent", "broadcast"),  # as they were then
            ("sent", "journey"),
        }
        assert session.scalar(sa.select(sa.func.count(Purchase.id))) == told.sales
        assert told.members == 60
        assert told.guests > 0
        open_sends = sa.select(sa.func.count(LifecycleSend.id)).where(
            LifecycleSend.status != DROPPED
        )
        assert session.scalar(open_sends) == 0
        _there_is_something_of_everything(session)


def _there_is_something_of_everything(session: Session) -> None:
    for rows in (Refund.id, Consent.id, PurchaseItem.line, StoppedRecipient.recipient):
        assert session.scalar(sa.select(sa.func.count(rows)))
    assert session.scalar(sa.select(sa.func.count()).where(Purchase.member_id.is_(None)))
    latest = session.scalar(sa.select(sa.func.max(Purchase.sold_at)))
    assert latest is not None
    assert NOW - timedelta(days=14) < latest < NOW
    statuses = set(session.scalars(sa.select(Coupon.status).distinct()))
    assert statuses >= {"issued", "redeemed", "expired"}
    kinds = set(session.scalars(sa.select(PointOperation.kind).distinct()))
    assert kinds >= {"earn", "activate", "redeem", "restore", "revoke", "expire"}
    assert rewards.broken(session) == []
    assert "picked_up" in {shown.status for shown in rewards.latest(session)}
    assert set(tiers.counts(session)) >= {"basic", "silver", "gold"}


def test_the_cast_is_in_the_state_its_words_say(sqlite_db: Database) -> None:
    history.write(sqlite_db, members=8, now=NOW)
    with sqlite_db.reading() as session:
        _the_cast_is_ready(session)


def _the_cast_is_ready(session: Session) -> None:
    _, newcomer, gold, sleeper, blocker = (role.line_user_id for role in people.ROLES)
    ids = {line: id_ for id_, line in session.execute(sa.select(Member.id, Member.line_user_id))}
    period = tiers.open_period(session, ids[gold])
    assert period is not None
    assert period.tier_code == "gold"
    assert points.standing(session, ids[gold], now=NOW).balance > 200
    assert coupons.usable_coupons(session, ids[newcomer], now=NOW)
    assert len(coupons.usable_coupons(session, ids[gold], now=NOW)) >= 2
    assert len(purchases.purchases_of(session, ids[newcomer])) == 1
    words = [entry.kind for entry in timeline.entries_of(session, ids[newcomer])]
    assert words[-2:] == ["member.joined", "member.friended"]
    assert purchases.purchases_of(session, ids[sleeper])[0].sold_at < NOW - timedelta(days=180)
    is_friend = sa.select(Member.is_friend).where(Member.id == ids[blocker])
    assert session.scalar(is_friend) is False
