"""What marketing is about, and who wants to hear no more of it."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules
from app.attention.models import TOPIC_STOPS, TOPICS
from app.attention.rules import Topic
from app.core.db import table_of
from app.core.errors import NotFound
from app.core.prepared import Prepared, among
from app.members.models import MEMBER, Member

_MEMBERS = table_of(Member)


def topics(session: Session) -> list[Topic]:
    """Those that letters may be about, in the marketer's order."""
    return [topic for topic in all_topics(session) if topic.is_active]


def all_topics(session: Session) -> list[Topic]:
    """Also those that were given up."""
    rows = session.execute(
        sa.select(TOPICS.c.code, TOPICS.c.name, TOPICS.c.about, TOPICS.c.is_active).order_by(
            TOPICS.c.position, TOPICS.c.code
        )
    ).all()
    return [Topic(*tuple(row)) for row in rows] or list(rules.TOPICS)


def topic(session: Session, code: str) -> Topic:
    """Given up or not. Raises NotFound."""
    for found in all_topics(session):
        if found.code == code:
            return found
    raise NotFound("topic", code)


_DECLINED = Prepared(
    sa.select(TOPIC_STOPS.c.member_id).where(
        TOPIC_STOPS.c.topic == sa.bindparam("topic"), among(TOPIC_STOPS.c.member_id, "members")
    )
)


def declined(session: Session, member_ids: Sequence[int], topic: str) -> set[int]:
    """Those of them who want to hear no more of it."""
    rows = _DECLINED.rows(session, {"topic": topic, "members": list(member_ids)})
    return {member_id for (member_id,) in rows}


def stopped_by(session: Session, member_id: int) -> dict[str, datetime]:
    """The topics that a member turned off, and when."""
    rows = session.execute(
        sa.select(TOPIC_STOPS.c.topic, TOPIC_STOPS.c.stopped_at).where(
            TOPIC_STOPS.c.member_id == member_id
        )
    )
    return {row.topic: row.stopped_at for row in rows}


def stops(session: Session) -> dict[str, int]:
    """By topic, how many members want to hear no more of it."""
    rows = session.execute(
        sa.select(TOPIC_STOPS.c.topic, sa.func.count())
        .join_from(TOPIC_STOPS, _MEMBERS, _MEMBERS.c.id == TOPIC_STOPS.c.member_id)
        .where(_MEMBERS.c.status == MEMBER)
        .group_by(TOPIC_STOPS.c.topic)
    )
    return {row[0]: row[1] for row in rows}
