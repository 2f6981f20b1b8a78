"""Each buyer's scores as of the last night, the nights, and how often each kind of history buys."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of


class Score(Table):
    """One row a member with a purchase day that is left. The first columns are what was counted up
    to the night's day, the rest what follows from it; NULL until the first night is through.

    `month_nes` is the state at the end of last month, for who woke up since."""

    __tablename__ = "scores"
    __table_args__ = (sa.Index("ix_scores_rfm", "rfm"), sa.Index("ix_scores_nes", "nes"))

    member_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    first_day: Mapped[date] = mapped_column(sa.Date)
    last_day: Mapped[date] = mapped_column(sa.Date)
    days: Mapped[int] = mapped_column(sa.Integer)  # purchase days
    net: Mapped[int] = mapped_column(sa.BigInteger)  # NT$
    repeat_net: Mapped[int] = mapped_column(sa.BigInteger)  # NT$ without the first day's
    year_days: Mapped[int] = mapped_column(sa.Integer)  # F: of the last 365 days
    year_net: Mapped[int] = mapped_column(sa.BigInteger)  # M
    r: Mapped[int | None] = mapped_column(sa.SmallInteger)
    f: Mapped[int | None] = mapped_column(sa.SmallInteger)
    m: Mapped[int | None] = mapped_column(sa.SmallInteger)
    rfm: Mapped[str | None] = mapped_column(sa.String(20))  # a group's code
    cycle: Mapped[int | None] = mapped_column(sa.Integer)  # usual gap, 1/100 day; NULL: one day
    nes: Mapped[str | None] = mapped_column(sa.String(2))
    nes_since: Mapped[date | None] = mapped_column(sa.Date)
    month_nes: Mapped[str | None] = mapped_column(sa.String(2))
    orders: Mapped[int | None] = mapped_column(sa.Integer)  # purchase days in a year, 1/100
    alive: Mapped[int | None] = mapped_column(sa.SmallInteger)  # percent
    ltv: Mapped[int | None] = mapped_column(sa.BigInteger)  # NT$ in the year to come


class ScoreRun(Table):
    """A night's work. `phase` goes facts, basis, scores, done; members up to `reached` have their
    turn behind them in it, so that it can be taken up where it was left."""

    __tablename__ = "score_runs"

    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    phase: Mapped[str] = mapped_column(sa.String(10))
    reached: Mapped[int] = mapped_column(sa.BigInteger)
    is_first: Mapped[bool] = mapped_column(sa.Boolean)  # of all: nobody came from anywhere
    opens_month: Mapped[bool] = mapped_column(sa.Boolean)
    basis: Mapped[Any] = mapped_column(Json, nullable=True)
    moves: Mapped[Any] = mapped_column(Json)  # members by "from>to" of NES
    counts: Mapped[Any] = mapped_column(Json, nullable=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ScoreCell(Table):
    """What histories alike come to: `repeats`, and the fortnights (from 0) of the last purchase
    and of today, counted from the first."""

    __tablename__ = "score_cells"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as SQLAlchemy wants it

    repeats: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    age: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    orders: Mapped[int] = mapped_column(sa.Integer)  # 1/100
    alive: Mapped[int] = mapped_column(sa.Integer)  # percent


SCORES, RUNS, CELLS = table_of(Score), table_of(ScoreRun), table_of(ScoreCell)
