"""On which days members got marketing, and of what they want to hear no more."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime, table_of


class MarketingDay(Table):
    """A member got marketing on this Taipei day. The key makes "one a day" hold under races."""

    __tablename__ = "marketing_days"

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    what: Mapped[str] = mapped_column(sa.String(120))  # the message's dedup key


class MarketingTopic(Table):
    """What marketing is about. No row: the list of `rules.TOPICS` stands as it is."""

    __tablename__ = "marketing_topics"

    code: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)
    about: Mapped[str] = mapped_column(sa.String(60))
    position: Mapped[int] = mapped_column(sa.Integer)
    is_active: Mapped[bool] = mapped_column(sa.Boolean)


class TopicStop(Table):
    """A member wants to hear no more of a topic. Turning it on again deletes the row; the time line
    keeps both."""

    __tablename__ = "topic_stops"
    __table_args__ = (sa.Index("ix_topic_stops_topic", "topic", "member_id"),)

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    topic: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    channel: Mapped[str] = mapped_column(sa.String(10))  # letter | chat | liff
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)


MARKETING_DAYS = table_of(MarketingDay)
TOPICS, TOPIC_STOPS = table_of(MarketingTopic), table_of(TopicStop)
