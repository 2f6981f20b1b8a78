"""Journeys, the versions that were published, and each member's way through one."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of
from app.journeys.rules import RUN_STATUSES, STATUSES

_STATUS_LIST = ", ".join(f"'{status}'" for status in STATUSES)
_RUN_STATUS_LIST = ", ".join(f"'{status}'" for status in RUN_STATUSES)
_GOING = sa.text("status = 'going'")


class Journey(Table):
    """`draft` is the plan as it is being written; who is on the way follows the version they
    entered by.

    Facts up to `seen` were looked at, those up to `read_to` for good: those between are looked at
    once more, because on PostgreSQL a smaller id may become visible after a larger one. `marked` is
    what `seen` was at `marked_at`. `asked_on` is the last day its segment was asked."""

    __tablename__ = "journeys"
    __table_args__ = (sa.CheckConstraint(f"status IN ({_STATUS_LIST})", name="status"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[str] = mapped_column(sa.String(10))
    draft: Mapped[Any] = mapped_column(Json)
    version: Mapped[int] = mapped_column(sa.Integer)  # the one that lets members in; 0: none yet
    read_to: Mapped[int] = mapped_column(sa.BigInteger)
    marked: Mapped[int] = mapped_column(sa.BigInteger)
    seen: Mapped[int] = mapped_column(sa.BigInteger)
    marked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_on: Mapped[str | None] = mapped_column(sa.String(10))  # 2026-07-10
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)  # the draft


class JourneyVersion(Table):
    """A plan as it was published, with the conditions of its segments copied in. Never changed."""

    __tablename__ = "journey_versions"

    journey_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("journeys.id"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    plan: Mapped[Any] = mapped_column(Json)
    published_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JourneyRun(Table):
    """A member's way through a journey, the `round`-th. At `due_at` they are looked at again.

    `occasion` is what let them in, once; of those on the way there is one a member and journey.
    `step` is NULL before the first step and after the last. `since` is when they came to a step
    that keeps them; `awaits` the fact that ends a wait early; `reason`, in a marketer's words, why
    they are kept or left. Purchases until `counted_until` are the journey's success."""

    __tablename__ = "journey_runs"
    __table_args__ = (
        sa.UniqueConstraint("journey_id", "member_id", "occasion"),
        sa.CheckConstraint(f"status IN ({_RUN_STATUS_LIST})", name="status"),
        sa.Index(
            "ix_journey_runs_going",
            "member_id",
            "journey_id",
            unique=True,
            sqlite_where=_GOING,
            postgresql_where=_GOING,
        ),
        sa.Index(
            "ix_journey_runs_due",
            "journey_id",
            "due_at",
            "id",
            sqlite_where=_GOING,
            postgresql_where=_GOING,
        ),
        sa.Index("ix_journey_runs_member_id", "member_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    journey_id: Mapped[int] = mapped_column(sa.ForeignKey("journeys.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    occasion: Mapped[str] = mapped_column(sa.String(30))
    round: Mapped[int] = mapped_column(sa.Integer)
    status: Mapped[str] = mapped_column(sa.String(10))
    step: Mapped[str | None] = mapped_column(sa.String(5))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    awaits: Mapped[str | None] = mapped_column(sa.String(40))
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    counted_until: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JourneyMark(Table):
    """A step that a member passed, and how. The key is what makes a step happen once."""

    __tablename__ = "journey_marks"
    __table_args__ = (sa.Index("ix_journey_marks_step", "journey_id", "step", "outcome"),)

    run_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("journey_runs.id"), primary_key=True, autoincrement=False
    )
    step: Mapped[str] = mapped_column(sa.String(5), primary_key=True)
    journey_id: Mapped[int] = mapped_column(sa.ForeignKey("journeys.id"))
    outcome: Mapped[str] = mapped_column(sa.String(10))  # done, skipped, or the branch: 0, 1
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    coupon_id: Mapped[int | None] = mapped_column(sa.ForeignKey("coupons.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    pressed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # its letter's button, first


JOURNEYS, VERSIONS = table_of(Journey), table_of(JourneyVersion)
RUNS, MARKS = table_of(JourneyRun), table_of(JourneyMark)
