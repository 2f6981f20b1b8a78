"""Stamp cards and their versions, and what was given at their milestones. Stamps are not stored:
they are folded from purchases."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of


class StampCard(Table):
    """A stamp card by its code."""

    __tablename__ = "stamp_cards"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    is_active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StampVersion(Table):
    """What a card asks for and gives: never changed. It says what days from `since_on` are worth,
    and how cards look that are begun from then on."""

    __tablename__ = "stamp_versions"
    __table_args__ = (sa.UniqueConstraint("card_id", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    card_id: Mapped[int] = mapped_column(sa.ForeignKey("stamp_cards.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    since_on: Mapped[date] = mapped_column(sa.Date)  # Taipei
    terms: Mapped[Any] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(sa.String(64))  # of the terms; what is parsed goes by it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StampReward(Table):
    """A milestone that was reached: the `ordinal`-th time by the member who reached it. Whose it is
    may change with a merger, so the unique key keeps that member's name."""

    __tablename__ = "stamp_rewards"
    __table_args__ = (
        sa.CheckConstraint("status IN ('given', 'taken_back')", name="status"),
        sa.Index("ix_stamp_rewards_member_id", "member_id", "id"),
        sa.Index("ix_stamp_rewards_card_id", "card_id", "milestone"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    card_id: Mapped[int] = mapped_column(sa.ForeignKey("stamp_cards.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    milestone: Mapped[int] = mapped_column(sa.Integer)  # at which stamp of a card
    ordinal: Mapped[int] = mapped_column(sa.Integer)
    dedup_key: Mapped[str] = mapped_column(sa.String(80), unique=True)
    reached_at: Mapped[datetime] = mapped_column(UtcDateTime)
    takes_back: Mapped[bool] = mapped_column(sa.Boolean)
    status: Mapped[str] = mapped_column(sa.String(12))
    points: Mapped[int] = mapped_column(sa.Integer)
    coupon_id: Mapped[int | None] = mapped_column(sa.ForeignKey("coupons.id"))
    fell_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # a refund took it below
    taken_points: Mapped[int] = mapped_column(sa.Integer)  # by the last taking back
    taken_coupon: Mapped[bool] = mapped_column(sa.Boolean)
    turn: Mapped[int] = mapped_column(sa.Integer)  # how often it was given, after takings back


# The same tables for Core statements, which the hot paths use.
CARDS = table_of(StampCard)
VERSIONS = table_of(StampVersion)
REWARDS = table_of(StampReward)
