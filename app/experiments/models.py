"""Experiments, and which member met which arm of them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of
from app.experiments.rules import STATUSES

_STATUS_LIST = ", ".join(f"'{status}'" for status in STATUSES)


class Experiment(Table):
    """`design` is fixed once it runs; `result` once it is over, so that refunds of later weeks do
    not change what was concluded. `is_listed`: everybody who will ever be in it is."""

    __tablename__ = "experiments"
    __table_args__ = (sa.CheckConstraint(f"status IN ({_STATUS_LIST})", name="status"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[str] = mapped_column(sa.String(10))
    design: Mapped[Any] = mapped_column(Json)
    is_listed: Mapped[bool] = mapped_column(sa.Boolean)
    result: Mapped[Any] = mapped_column(Json, nullable=True)
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # read then at the latest
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Exposure(Table):
    """A member came to an arm; purchases until `until` count. Once an experiment."""

    __tablename__ = "experiment_exposures"
    __table_args__ = (
        sa.UniqueConstraint("experiment_id", "member_id"),
        sa.Index("ix_experiment_exposures_member_id", "member_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    experiment_id: Mapped[int] = mapped_column(sa.ForeignKey("experiments.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    arm: Mapped[str] = mapped_column(sa.String(1))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


EXPERIMENTS, EXPOSURES = table_of(Experiment), table_of(Exposure)
