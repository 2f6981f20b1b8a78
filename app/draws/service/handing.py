"""Prizes reach their winners: points and coupons by themselves, goods over the counter; what is not
claimed in time goes to the next in line."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.core.errors import DomainError, NotFound
from app.coupons import service as coupons
from app.coupons.service import LimitReached
from app.draws import messages, rules
from app.draws.models import ALTERNATE, CLAIMED, DRAWS, FORFEITED, PRIZES, WINS, WON
from app.points import service as points
from app.points.service import Cause
from app.programmes import queries as programmes
from app.staff import service as staff
from app.timeline import service as timeline
from flex_templates.theme import Theme


class NothingToClaim(DomainError):
    """It was claimed or forfeited already."""


_WIN = (
    sa.select(
        WINS.c.id,
        WINS.c.member_id,
        WINS.c.draw_id,
        WINS.c.status,
        PRIZES.c.name,
        PRIZES.c.points,
        PRIZES.c.coupon,
        DRAWS.c.name.label("draw"),
        DRAWS.c.claim_days,
    )
    .join(PRIZES, PRIZES.c.id == WINS.c.prize_id)
    .join(DRAWS, DRAWS.c.id == WINS.c.draw_id)
)


def hand_over(session: Session, *, win_id: int, now: datetime) -> bool:
    """Points and coupons of a prize, once; goods wait at the counter. False when there is nothing
    to give (any more). A coupon that cannot be given leaves the prize to the staff."""
    row = session.execute(_WIN.where(WINS.c.id == win_id)).one_or_none()
    if row is None or not (row.points or row.coupon):
        return False
    points.lock(session, member_id=row.member_id, now=now)
    try:
        with session.begin_nested():
            if not _close(session, win_id, CLAIMED, now):
                return False
            _give(session, row, now)
    except (LimitReached, NotFound) as error:
        changed(
            session,
            sa.update(WINS).where(WINS.c.id == win_id).values(stuck=str(error)[:200]),
        )
        return False
    return True


def _close(session: Session, win_id: int, status: str, now: datetime, **values: Any) -> bool:
    return bool(
        changed(
            session,
            sa.update(WINS)
            .where(WINS.c.id == win_id, WINS.c.status == WON)
            .values(status=status, claimed_at=now if status == CLAIMED else None, **values),
        )
    )


def _give(session: Session, row: Any, now: datetime) -> None:
    key = f"draw-win:{row.id}"
    if row.points:
        points.award(
            session,
            member_id=row.member_id,
            points=row.points,
            cause=Cause(key, "system", f"「{row.draw}」獎項", "draw", row.draw_id),
            terms=programmes.terms_at(session, now).points,
            now=now,
        )
    if row.coupon is not None:
        coupons.issue(
            session,
            kind_code=row.coupon,
            member_id=row.member_id,
            source="draw",
            dedup_key=key,
            now=now,
        )
    timeline.record(
        session,
        member_id=row.member_id,
        kind="draw.won",
        at=now,
        facts={"name": row.draw, "prize": row.name},
    )


def deliver_due(session: Session, *, now: datetime, limit: int = 50) -> int:
    """Give points and coupons to whom a draw chose; return how many were given. What got stuck is
    left to the staff."""
    due = session.execute(
        sa.select(WINS.c.id, WINS.c.member_id)
        .join(PRIZES, PRIZES.c.id == WINS.c.prize_id)
        .where(
            WINS.c.status == WON,
            sa.or_(PRIZES.c.points > 0, PRIZES.c.coupon.is_not(None)),
            WINS.c.stuck.is_(None),
        )
        .order_by(WINS.c.id)
        .limit(limit)
    ).all()
    for member_id in sorted({row.member_id for row in due}):
        points.lock(session, member_id=member_id, now=now)
    return sum(hand_over(session, win_id=row.id, now=now) for row in due)


def claim(
    session: Session, *, win_id: int, staff_id: int, device: str | None, now: datetime
) -> None:
    """Staff handed the prize over. Raises NothingToClaim."""
    if not _close(session, win_id, CLAIMED, now, staff_id=staff_id):
        raise NothingToClaim(win_id)
    staff.audit(
        session,
        staff_id=staff_id,
        action="draw.claimed",
        object=f"win:{win_id}",
        device=device,
        now=now,
    )


def forfeit_due(session: Session, *, theme: Theme, now: datetime, limit: int = 200) -> int:
    """What nobody came for goes to the first alternate; without one it is nobody's. Return how
    many were forfeited."""
    due = session.execute(
        sa.select(WINS.c.id, WINS.c.draw_id, WINS.c.prize_id)
        .where(WINS.c.status == WON, WINS.c.claim_by <= now)
        .order_by(WINS.c.rank)
        .limit(limit)
    ).all()
    return sum(_forfeit(session, row, theme, now) for row in due)


def _forfeit(session: Session, row: Any, theme: Theme, now: datetime) -> bool:
    if not _close(session, row.id, FORFEITED, now):
        return False
    following = session.scalar(
        sa.select(WINS.c.id)
        .where(WINS.c.draw_id == row.draw_id, WINS.c.status == ALTERNATE)
        .order_by(WINS.c.rank)
        .limit(1)
    )
    if following is None:
        return True
    days = session.execute(
        sa.select(DRAWS.c.claim_days).where(DRAWS.c.id == row.draw_id)
    ).scalar_one()
    promoted = changed(
        session,
        sa.update(WINS)
        .where(WINS.c.id == following, WINS.c.status == ALTERNATE)
        .values(status=WON, prize_id=row.prize_id, claim_by=rules.claim_by(now, days)),
    )
    if promoted:
        messages.send_win(session, win_id=following, theme=theme, now=now)
    return True
