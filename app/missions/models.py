"""Missions and their versions, the rounds members are in, what was won, and what members did
besides buying. Progress is not stored: it is folded from purchases and deeds."""

from datetime import date, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

SOLD_OUT = "sold_out"  # else as a gift is: given, taken_back


class Mission(Table):
    """A mission by its code. The limit may change; the counter moves by conditional updates."""

    __tablename__ = "missions"
    __table_args__ = (
        sa.CheckConstraint("given >= 0", name="given"),
        sa.CheckConstraint("reward_limit IS NULL OR given <= reward_limit", name="reward_limit"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    is_active: Mapped[bool] = mapped_column(sa.Boolean)
    reward_limit: Mapped[int | None] = mapped_column(sa.Integer)
    given: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MissionVersion(Table):
    """What a mission asks for and gives: never changed. Who is in a round keeps the version that
    it began with."""

    __tablename__ = "mission_versions"
    __table_args__ = (sa.UniqueConstraint("mission_id", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    mission_id: Mapped[int] = mapped_column(sa.ForeignKey("missions.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    terms: Mapped[Any] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(sa.String(64))  # of the terms; what is parsed goes by it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MissionRound(Table):
    """A member takes part in a period: from the first thing that counted."""

    __tablename__ = "mission_rounds"
    __table_args__ = (
        sa.UniqueConstraint("mission_id", "member_id", "round"),
        sa.Index("ix_mission_rounds_member_id", "member_id", "until_on"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    mission_id: Mapped[int] = mapped_column(sa.ForeignKey("missions.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("mission_versions.id"))
    round: Mapped[str] = mapped_column(sa.String(20))  # 2026-09, 2026-W36, joined, dates
    first_on: Mapped[date] = mapped_column(sa.Date)
    until_on: Mapped[date] = mapped_column(sa.Date)  # first day that does not count any more
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MissionReward(Table):
    """A completed round, once per mission, member and round. A streak covers several periods and
    is named after the last."""

    __tablename__ = "mission_rewards"
    __table_args__ = (
        sa.UniqueConstraint("mission_id", "member_id", "round"),
        sa.CheckConstraint("status IN ('given', 'sold_out', 'taken_back')", name="status"),
        sa.Index("ix_mission_rewards_member_id", "member_id", "id"),
        sa.Index("ix_mission_rewards_completed_at", "completed_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    mission_id: Mapped[int] = mapped_column(sa.ForeignKey("missions.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("mission_versions.id"))
    round: Mapped[str] = mapped_column(sa.String(20))
    first_on: Mapped[date] = mapped_column(sa.Date)
    until_on: Mapped[date] = mapped_column(sa.Date)
    completed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(sa.String(12))
    points: Mapped[int] = mapped_column(sa.Integer)
    coupon_id: Mapped[int | None] = mapped_column(sa.ForeignKey("coupons.id"))
    fell_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # a refund took it below
    taken_points: Mapped[int] = mapped_column(sa.Integer)  # by the last taking back
    taken_coupon: Mapped[bool] = mapped_column(sa.Boolean)
    turn: Mapped[int] = mapped_column(sa.Integer)  # how often it was given, after takings back


class MissionDeed(Table):
    """Something a member did that is no purchase. Append-only; `amount` −1 takes one back."""

    __tablename__ = "mission_deeds"
    __table_args__ = (sa.Index("ix_mission_deeds_member_id", "member_id", "day"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(sa.String(12))
    key: Mapped[str] = mapped_column(sa.String(80))  # which store, survey, article, friend, invoice
    day: Mapped[date] = mapped_column(sa.Date)  # Taipei
    amount: Mapped[int] = mapped_column(sa.Integer)
    dedup_key: Mapped[str] = mapped_column(sa.String(160), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


# The same tables for Core statements, which the hot paths use.
MISSIONS = cast(sa.Table, Mission.__table__)
VERSIONS = cast(sa.Table, MissionVersion.__table__)
ROUNDS = cast(sa.Table, MissionRound.__table__)
REWARDS = cast(sa.Table, MissionReward.__table__)
DEEDS = cast(sa.Table, MissionDeed.__table__)
