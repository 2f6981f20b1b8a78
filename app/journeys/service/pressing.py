"""Somebody pressed the button of a letter, of a journey or of a broadcast."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns import queries as broadcasts
from app.campaigns import service as campaigns
from app.campaigns.rules.letters import Letter
from app.core import ids
from app.core.db import changed
from app.core.errors import NotFound
from app.journeys import messages, queries
from app.journeys.models import MARKS, RUNS


def letter_of(session: Session, ref: str) -> Letter:
    """Raises NotFound."""
    walked = messages.read_ref(ref)
    if walked is not None:
        return queries.letter_of(session, *walked)[1]
    broadcast_id = ids.id_typed(ref)
    if broadcast_id is None:
        raise NotFound("letter", ref)
    return broadcasts.broadcast(session, broadcast_id).letter


def pressed(session: Session, ref: str, *, member_id: int, now: datetime) -> bool:
    """The first press counts, and brings the letter's tag. False when it was pressed before, or
    the letter was not theirs."""
    walked = messages.read_ref(ref)
    if walked is not None:
        return _walked(session, *walked, member_id, now)
    broadcast_id = ids.id_typed(ref)
    if broadcast_id is None:
        return False
    return campaigns.followed(session, broadcast_id=broadcast_id, member_id=member_id, now=now)


def _walked(session: Session, run_id: int, step: str, member_id: int, now: datetime) -> bool:
    theirs = sa.exists().where(RUNS.c.id == MARKS.c.run_id, RUNS.c.member_id == member_id)
    mark = sa.update(MARKS).where(
        MARKS.c.run_id == run_id,
        MARKS.c.step == step,
        MARKS.c.outcome == queries.QUEUED,
        MARKS.c.pressed_at.is_(None),
        theirs,
    )
    if not changed(session, mark.values(pressed_at=now)):
        return False
    journey_id, letter = queries.letter_of(session, run_id, step)
    campaigns.tag_reader(
        session, letter, member_id, source="journey", source_id=journey_id, now=now
    )
    return True
