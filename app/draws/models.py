"""Draws and wheels: what was promised, who entered, what was decided and who got what.

The promise (terms, commitment) never changes; entries are only added, or voided when their sale is
given back before the end."""

from datetime import date, datetime
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime

OPEN, FROZEN, DRAWN = "open", "frozen", "drawn"
ENTERED, VOID, SPARE, SPUN = (
    "entered",
    "void",  # its sale was given back
    "spare",  # a spin that was given and not used yet
    "spun",
)
WON, CLAIMED, FORFEITED, ALTERNATE = "won", "claimed", "forfeited", "alternate"
ALL_DAYS: Final = "all"


class Draw(Table):
    __tablename__ = "draws"
    __table_args__ = (
        sa.CheckConstraint("kind IN ('draw', 'wheel')", name="kind"),
        sa.CheckConstraint("status IN ('open', 'frozen', 'drawn')", name="status"),
        sa.CheckConstraint("entries >= 0 AND spins >= 0", name="counters"),
        sa.Index("ix_draws_status", "status", "ends_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(10))
    description: Mapped[str] = mapped_column(sa.Text)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    draw_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cost: Mapped[int] = mapped_column(sa.Integer)  # points
    may_enter: Mapped[bool] = mapped_column(sa.Boolean)
    sale_unit: Mapped[int | None] = mapped_column(sa.Integer)  # NT$
    coupon: Mapped[str | None] = mapped_column(sa.String(40))  # kind code
    per_member: Mapped[int | None] = mapped_column(sa.Integer)
    per_day: Mapped[int | None] = mapped_column(sa.Integer)
    wins_per_member: Mapped[int] = mapped_column(sa.Integer)
    alternates: Mapped[int] = mapped_column(sa.Integer)
    claim_days: Mapped[int] = mapped_column(sa.Integer)
    adults_only: Mapped[bool] = mapped_column(sa.Boolean)
    blank_weight: Mapped[int] = mapped_column(sa.Integer)
    seed: Mapped[str] = mapped_column(sa.String(64))  # told to nobody before it is drawn
    commitment: Mapped[str] = mapped_column(sa.String(64))
    terms: Mapped[str] = mapped_column(sa.Text)  # the line of JSON that `terms_hash` is of
    terms_hash: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[str] = mapped_column(sa.String(10))
    entries: Mapped[int] = mapped_column(sa.Integer)
    spins: Mapped[int] = mapped_column(sa.Integer)  # the wheel's last nonce
    entrants_hash: Mapped[str | None] = mapped_column(sa.String(64))
    frozen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    drawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DrawPrize(Table):
    __tablename__ = "draw_prizes"
    __table_args__ = (
        sa.UniqueConstraint("draw_id", "place"),
        sa.CheckConstraint("remaining >= 0 AND remaining <= quantity", name="remaining"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    draw_id: Mapped[int] = mapped_column(sa.ForeignKey("draws.id"))
    place: Mapped[int] = mapped_column(sa.Integer)  # from 0
    name: Mapped[str] = mapped_column(sa.String(60))
    description: Mapped[str] = mapped_column(sa.Text)
    value: Mapped[int] = mapped_column(sa.Integer)  # NT$ each
    quantity: Mapped[int] = mapped_column(sa.Integer)
    remaining: Mapped[int] = mapped_column(sa.Integer)
    weight: Mapped[int] = mapped_column(sa.Integer)
    points: Mapped[int] = mapped_column(sa.Integer)
    coupon: Mapped[str | None] = mapped_column(sa.String(40))


class DrawTally(Table):
    """How often a member entered, in all and on a day: the rows that make the limits hold."""

    __tablename__ = "draw_tallies"

    draw_id: Mapped[int] = mapped_column(sa.ForeignKey("draws.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(10), primary_key=True)  # all | 2026-07-04
    entries: Mapped[int] = mapped_column(sa.Integer)


class DrawAlias(Table):
    """What a member is called in the published list of one draw."""

    __tablename__ = "draw_aliases"
    __table_args__ = (sa.UniqueConstraint("draw_id", "alias"),)

    draw_id: Mapped[int] = mapped_column(sa.ForeignKey("draws.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), primary_key=True)
    alias: Mapped[str] = mapped_column(sa.String(10))


class DrawEntry(Table):
    __tablename__ = "draw_entries"
    __table_args__ = (
        sa.CheckConstraint("status IN ('entered', 'void', 'spare', 'spun')", name="status"),
        sa.UniqueConstraint("draw_id", "nonce"),
        sa.Index("ix_draw_entries_draw_id", "draw_id", "status", "id"),
        sa.Index("ix_draw_entries_member_id", "member_id", "draw_id"),
        sa.Index("ix_draw_entries_purchase_id", "purchase_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    draw_id: Mapped[int] = mapped_column(sa.ForeignKey("draws.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    ticket: Mapped[str] = mapped_column(sa.String(12), unique=True)
    status: Mapped[str] = mapped_column(sa.String(8))
    source: Mapped[str] = mapped_column(sa.String(20))  # points | free | sale | coupon | …
    dedup_key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchases.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    day: Mapped[date] = mapped_column(sa.Date)  # Taipei
    # A wheel's spin: its number, where the wheel stopped, and what was still there.
    nonce: Mapped[int | None] = mapped_column(sa.Integer)
    landed: Mapped[int | None] = mapped_column(sa.Integer)  # a prize's place
    won: Mapped[int | None] = mapped_column(sa.Integer)


class DrawWin(Table):
    """A prize somebody won, or the next in line for one that is not claimed."""

    __tablename__ = "draw_wins"
    __table_args__ = (
        sa.CheckConstraint("status IN ('won', 'claimed', 'forfeited', 'alternate')", name="status"),
        sa.UniqueConstraint("draw_id", "rank"),
        sa.Index("ix_draw_wins_member_id", "member_id"),
        sa.Index("ix_draw_wins_status", "status", "claim_by"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    draw_id: Mapped[int] = mapped_column(sa.ForeignKey("draws.id"))
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("draw_entries.id"), unique=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    rank: Mapped[int] = mapped_column(sa.Integer)  # in the order of picking, from 1
    prize_id: Mapped[int | None] = mapped_column(sa.ForeignKey("draw_prizes.id"))
    status: Mapped[str] = mapped_column(sa.String(10))
    claim_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))  # who handed it over
    picked: Mapped[int | None] = mapped_column(sa.Integer)  # a prize's place, as the seed decided
    stuck: Mapped[str | None] = mapped_column(sa.String(200))  # why it could not be delivered


DRAWS = cast(sa.Table, Draw.__table__)
PRIZES = cast(sa.Table, DrawPrize.__table__)
TALLIES = cast(sa.Table, DrawTally.__table__)
ALIASES = cast(sa.Table, DrawAlias.__table__)
ENTRIES = cast(sa.Table, DrawEntry.__table__)
WINS = cast(sa.Table, DrawWin.__table__)
