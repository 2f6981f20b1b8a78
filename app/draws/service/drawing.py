"""The end: entries are frozen and their hash published; then seed and list decide, once."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.core.errors import NotFound
from app.draws import messages, queries, rules
from app.draws.models import ALTERNATE, DRAWN, DRAWS, FROZEN, OPEN, PRIZES, WINS, WON
from app.draws.queries import DrawShown
from app.draws.rules import NotOpen
from flex_templates.theme import Theme


def freeze_due(session: Session, *, now: datetime) -> int:
    """Freeze what has ended; return how many."""
    due = session.scalars(
        sa.select(DRAWS.c.id).where(DRAWS.c.status == OPEN, DRAWS.c.ends_at <= now)
    ).all()
    return sum(freeze(session, draw_id=draw_id, now=now) for draw_id in due)


def freeze(session: Session, *, draw_id: int, now: datetime) -> bool:
    """Take the list: from here on nobody enters and nobody drops out. False when it is taken
    already or the end has not come."""
    won = changed(
        session,
        sa.update(DRAWS)
        .where(DRAWS.c.id == draw_id, DRAWS.c.status == OPEN, DRAWS.c.ends_at <= now)
        .values(status=FROZEN, frozen_at=now),
    )
    if not won:
        return False
    listed = rules.entrants_text([one for _, _, one in queries.entrants(session, draw_id)])
    changed(
        session,
        sa.update(DRAWS).where(DRAWS.c.id == draw_id).values(entrants_hash=rules.sha256(listed)),
    )
    return True


def decide_due(session: Session, *, theme: Theme, now: datetime) -> int:
    """Decide what is frozen and whose time has come; return how many."""
    due = session.scalars(
        sa.select(DRAWS.c.id).where(DRAWS.c.status == FROZEN, DRAWS.c.draw_at <= now)
    ).all()
    return sum(decide(session, draw_id=draw_id, theme=theme, now=now) for draw_id in due)


def decide(session: Session, *, draw_id: int, theme: Theme, now: datetime) -> bool:
    """Let seed and list decide, write the winners down and tell them. False when that was done.

    Raises NotFound, NotOpen before the draw's time or before the list is frozen."""
    won = changed(
        session,
        sa.update(DRAWS)
        .where(DRAWS.c.id == draw_id, DRAWS.c.status == FROZEN, DRAWS.c.draw_at <= now)
        .values(status=DRAWN, drawn_at=now),
    )
    draw = queries.draw(session, draw_id)
    if not won:
        if draw.status == DRAWN:
            return False
        raise NotOpen("waiting")
    if draw.kind == rules.DRAW:
        _pick(session, draw, now)
        messages.send_wins(session, draw, theme=theme, now=now)
    return True


def _pick(session: Session, draw: DrawShown, now: datetime) -> None:
    listed = queries.entrants(session, draw.id)
    seed = session.scalar(sa.select(DRAWS.c.seed).where(DRAWS.c.id == draw.id))
    if seed is None:
        raise NotFound("draw", draw.id)
    picks = rules.winners(
        seed=seed,
        entrants=[one for _, _, one in listed],
        quantities=[prize.quantity for prize in draw.prizes],
        wins_per_member=draw.wins_per_member,
        alternates=draw.alternates,
    )
    owner = {one.ticket: (entry_id, member_id) for entry_id, member_id, one in listed}
    rows = [
        {
            "draw_id": draw.id,
            "entry_id": owner[pick.ticket][0],
            "member_id": owner[pick.ticket][1],
            "rank": rank,
            "prize_id": None if pick.prize is None else draw.prizes[pick.prize].id,
            "status": ALTERNATE if pick.prize is None else WON,
            "claim_by": None if pick.prize is None else rules.claim_by(now, draw.claim_days),
            "at": now,
            "picked": pick.prize,
        }
        for rank, pick in enumerate(picks, start=1)
    ]
    if rows:
        session.execute(sa.insert(WINS), rows)
    for place, prize in enumerate(draw.prizes):
        given = sum(pick.prize == place for pick in picks)
        changed(
            session,
            sa.update(PRIZES)
            .where(PRIZES.c.id == prize.id, PRIZES.c.remaining >= given)
            .values(remaining=PRIZES.c.remaining - given),
        )
