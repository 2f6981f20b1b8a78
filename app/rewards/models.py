"""Rewards and the versions of what they offer, how many each member took, and every exchange."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

OPEN, CANCELLED, LAPSED, RETURNED = "open", "cancelled", "lapsed", "returned"


class Reward(Table):
    """A reward by its code, and how many are gone. `taken` moves only by conditional updates."""

    __tablename__ = "rewards"
    __table_args__ = (
        sa.CheckConstraint("taken >= 0", name="taken"),
        sa.CheckConstraint("stock IS NULL OR taken <= stock", name="stock"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    stock: Mapped[int | None] = mapped_column(sa.Integer)
    taken: Mapped[int] = mapped_column(sa.Integer, default=0)
    per_member_limit: Mapped[int | None] = mapped_column(sa.Integer)
    is_active: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RewardOffer(Table):
    """What a reward is and costs: never changed. A change is a new version; who exchanged an older
    one keeps it."""

    __tablename__ = "reward_offers"
    __table_args__ = (
        sa.UniqueConstraint("reward_id", "version"),
        sa.CheckConstraint("points > 0", name="points"),
        sa.CheckConstraint("unclaimed IN ('lost', 'returned')", name="unclaimed"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    reward_id: Mapped[int] = mapped_column(sa.ForeignKey("rewards.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(sa.String(40))
    description: Mapped[str] = mapped_column(sa.String(500), default="")
    points: Mapped[int] = mapped_column(sa.Integer)
    coupon: Mapped[str] = mapped_column(sa.String(40))  # code of a coupon kind
    colour: Mapped[str] = mapped_column(sa.String(10))
    icon: Mapped[str] = mapped_column(sa.String(2))
    tiers: Mapped[Any] = mapped_column(Json)
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pickup_days: Mapped[int] = mapped_column(sa.Integer)
    cancel_hours: Mapped[int] = mapped_column(sa.Integer)
    unclaimed: Mapped[str] = mapped_column(sa.String(8))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RewardHolding(Table):
    """How many of a reward a member took: the row that makes `per_member_limit` hold."""

    __tablename__ = "reward_holdings"

    reward_id: Mapped[int] = mapped_column(sa.ForeignKey("rewards.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), primary_key=True)
    taken: Mapped[int] = mapped_column(sa.Integer)


class RewardExchange(Table):
    """Points for a reward. Whether it was fetched is told by its coupon."""

    __tablename__ = "reward_exchanges"
    __table_args__ = (
        sa.CheckConstraint("status IN ('open', 'cancelled', 'lapsed', 'returned')", name="status"),
        sa.Index("ix_reward_exchanges_member_id", "member_id", "id"),
        sa.Index("ix_reward_exchanges_reward_id", "reward_id", "status"),
        sa.Index(
            "ix_reward_exchanges_open",
            "expires_at",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_id: Mapped[str] = mapped_column(sa.String(80), unique=True)  # made on the page
    reward_id: Mapped[int] = mapped_column(sa.ForeignKey("rewards.id"))
    offer_id: Mapped[int] = mapped_column(sa.ForeignKey("reward_offers.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    status: Mapped[str] = mapped_column(sa.String(9), default=OPEN)
    points: Mapped[int] = mapped_column(sa.Integer)
    operation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("point_operations.id"))
    coupon_id: Mapped[int | None] = mapped_column(sa.ForeignKey("coupons.id"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)  # first instant it is not fetched
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


# The same tables for Core statements.
REWARDS = cast(sa.Table, Reward.__table__)
OFFERS = cast(sa.Table, RewardOffer.__table__)
HOLDINGS = cast(sa.Table, RewardHolding.__table__)
EXCHANGES = cast(sa.Table, RewardExchange.__table__)
