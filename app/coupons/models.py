"""Coupon kinds and the versions of what they offer, the coupons members hold, and everything that
happened to each coupon."""

from datetime import date, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

ISSUED, RESERVED, REDEEMED, EXPIRED, REVOKED = (
    "issued",
    "reserved",
    "redeemed",
    "expired",
    "revoked",
)


class CouponKind(Table):
    """A coupon by its code, its limits, and how many there are of it. Limits may change; the
    counters move only by conditional updates."""

    __tablename__ = "coupon_kinds"
    __table_args__ = (
        sa.CheckConstraint("issued >= 0", name="issued"),
        sa.CheckConstraint("redeemed >= 0", name="redeemed"),
        sa.CheckConstraint("issue_limit IS NULL OR issued <= issue_limit", name="issue_limit"),
        sa.CheckConstraint("redeem_limit IS NULL OR redeemed <= redeem_limit", name="redeem_limit"),
        sa.CheckConstraint("spent >= 0", name="spent"),
        sa.CheckConstraint("budget IS NULL OR spent <= budget", name="budget"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    issue_limit: Mapped[int | None] = mapped_column(sa.Integer)
    issued: Mapped[int] = mapped_column(sa.Integer, default=0)
    redeem_limit: Mapped[int | None] = mapped_column(sa.Integer)
    redeemed: Mapped[int] = mapped_column(sa.Integer, default=0)
    per_member_limit: Mapped[int | None] = mapped_column(sa.Integer)
    per_day_limit: Mapped[int | None] = mapped_column(sa.Integer)  # redemptions a Taipei day
    budget: Mapped[int | None] = mapped_column(sa.BigInteger)  # NT$ of discounts in all
    spent: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")  # NT$
    word: Mapped[str | None] = mapped_column(sa.String(20), unique=True)  # typed to get one
    word_for_days: Mapped[int | None] = mapped_column(sa.Integer)  # of membership, at most
    goodwill: Mapped[bool] = mapped_column(sa.Boolean, default=False, server_default="0")
    is_active: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CouponOffer(Table):
    """What a coupon gives and when it may be used: never changed. A change is a new version, which
    new coupons get; who holds an older one keeps it."""

    __tablename__ = "coupon_offers"
    __table_args__ = (
        sa.UniqueConstraint("kind_id", "version"),
        sa.CheckConstraint("kind IN ('free', 'paid')", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind_id: Mapped[int] = mapped_column(sa.ForeignKey("coupon_kinds.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(4))  # free | paid: paid vouchers never expire
    # amount_off | percent_off | gift | free_shipping | buy_x_get_y | fixed_price
    type: Mapped[str] = mapped_column(sa.String(20))
    value: Mapped[int] = mapped_column(sa.Integer, default=0)  # NT$, percent off, or how many free
    buys: Mapped[int] = mapped_column(sa.Integer, default=1, server_default="1")
    cap: Mapped[int | None] = mapped_column(sa.Integer)  # NT$ at most
    min_spend: Mapped[int] = mapped_column(sa.Integer, default=0)  # NT$
    conditions: Mapped[Any] = mapped_column(Json)
    # own | once | free: whether a holder may give it to a friend
    giving: Mapped[str] = mapped_column(sa.String(4), default="own", server_default="own")
    stacking: Mapped[str] = mapped_column(sa.String(40))  # exclusive | stackable | a group's name
    valid_days: Mapped[int | None] = mapped_column(sa.Integer)  # through the end of day N
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # not before
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    terms: Mapped[str] = mapped_column(sa.Text, default="")
    image: Mapped[str | None] = mapped_column(sa.String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Coupon(Table):
    __tablename__ = "coupons"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('issued', 'reserved', 'redeemed', 'expired', 'revoked')", name="status"
        ),
        sa.Index("ix_coupons_member_id", "member_id", "status", "expires_at"),
        sa.Index("ix_coupons_kind_id", "kind_id", "status"),
        sa.Index(
            "ix_coupons_expires_at",
            "expires_at",
            sqlite_where=sa.text("status = 'issued'"),
            postgresql_where=sa.text("status = 'issued'"),
        ),
        sa.Index("ix_coupons_purchase_id", "purchase_id"),
        sa.Index(
            "ix_coupons_reserved_for",
            "reserved_for",
            sqlite_where=sa.text("status = 'reserved'"),
            postgresql_where=sa.text("status = 'reserved'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind_id: Mapped[int] = mapped_column(sa.ForeignKey("coupon_kinds.id"))
    offer_id: Mapped[int] = mapped_column(sa.ForeignKey("coupon_offers.id"))  # what the holder has
    member_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))  # NULL: bearer
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)
    status: Mapped[str] = mapped_column(sa.String(10), default=ISSUED)
    source: Mapped[str] = mapped_column(sa.String(40))  # welcome, upgrade:gold, birthday:2026-07
    dedup_key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    usable_from: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # first instant not valid
    redeemed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchases.id"))
    discount: Mapped[int | None] = mapped_column(sa.Integer)  # NT$ given at the redemption
    reserved_for: Mapped[str | None] = mapped_column(sa.String(80))  # external id of the sale
    reserved_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    given: Mapped[int] = mapped_column(sa.Integer, default=0, server_default="0")  # to friends


OPEN, ACCEPTED, TAKEN_BACK, LAPSED = "open", "accepted", "taken_back", "lapsed"


class CouponGift(Table):
    """A coupon that its holder wants to give to a friend. The link holds a token, the row only its
    digest. The open row is what makes one friend of several the taker."""

    __tablename__ = "coupon_gifts"
    __table_args__ = (
        sa.CheckConstraint("status IN ('open', 'accepted', 'taken_back', 'lapsed')", name="status"),
        sa.CheckConstraint("(status = 'accepted') = (friend_id IS NOT NULL)", name="friend"),
        sa.CheckConstraint("friend_id <> giver_id", name="own"),
        sa.Index(
            "uq_coupon_gifts_open",
            "coupon_id",
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        ),
        sa.Index("ix_coupon_gifts_coupon_id", "coupon_id", "status"),
        sa.Index("ix_coupon_gifts_giver_id", "giver_id", "id"),
        sa.Index("ix_coupon_gifts_friend_id", "friend_id"),
        sa.Index(
            "ix_coupon_gifts_expires_at",
            "expires_at",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    coupon_id: Mapped[int] = mapped_column(sa.ForeignKey("coupons.id"))
    giver_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    friend_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    status: Mapped[str] = mapped_column(sa.String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)  # first instant the link is dead
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CouponHolding(Table):
    """How many of a kind a member was given: the row that makes `per_member_limit` hold."""

    __tablename__ = "coupon_holdings"

    kind_id: Mapped[int] = mapped_column(sa.ForeignKey("coupon_kinds.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), primary_key=True)
    issued: Mapped[int] = mapped_column(sa.Integer)


class CouponDay(Table):
    """How many of a kind were redeemed on a Taipei day: the row that makes `per_day_limit` hold."""

    __tablename__ = "coupon_days"

    kind_id: Mapped[int] = mapped_column(sa.ForeignKey("coupon_kinds.id"), primary_key=True)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    redeemed: Mapped[int] = mapped_column(sa.Integer)


class CouponWordTry(Table):
    """Wrong words a member typed on a Taipei day: so many, and words are no longer looked up."""

    __tablename__ = "coupon_word_tries"

    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), primary_key=True)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    tries: Mapped[int] = mapped_column(sa.Integer)


class CouponGoodwill(Table):
    """How many coupons somebody gave as goodwill on a Taipei day (`2026-07-04`) or in a month
    (`2026-07`): the row that makes the quota hold."""

    __tablename__ = "coupon_goodwill"

    staff_id: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"), primary_key=True)
    period: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    given: Mapped[int] = mapped_column(sa.Integer)


class CouponEvent(Table):
    """Append-only: issued, reserved, released, redeemed, rolled_back, expired, revoked; offered,
    moved and withdrawn of a gift."""

    __tablename__ = "coupon_events"
    __table_args__ = (
        sa.Index("ix_coupon_events_coupon_id", "coupon_id", "id"),
        sa.Index("ix_coupon_events_at", "at", "kind"),
        # What people did, and gave in a store: little beside all that was issued by itself.
        sa.Index(
            "ix_coupon_events_of_staff",
            "at",
            sqlite_where=sa.text("staff_id IS NOT NULL"),
            postgresql_where=sa.text("staff_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_coupon_events_given",
            "store_id",
            "at",
            sqlite_where=sa.text("kind = 'issued' AND store_id IS NOT NULL"),
            postgresql_where=sa.text("kind = 'issued' AND store_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    coupon_id: Mapped[int] = mapped_column(sa.ForeignKey("coupons.id"))
    kind: Mapped[str] = mapped_column(sa.String(12))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    facts: Mapped[Any] = mapped_column(Json)


# The same tables for Core statements, which the hot paths use.
KINDS = cast(sa.Table, CouponKind.__table__)
OFFERS = cast(sa.Table, CouponOffer.__table__)
COUPONS = cast(sa.Table, Coupon.__table__)
HOLDINGS = cast(sa.Table, CouponHolding.__table__)
GIFTS = cast(sa.Table, CouponGift.__table__)
EVENTS = cast(sa.Table, CouponEvent.__table__)
COUPON_DAYS = cast(sa.Table, CouponDay.__table__)
GOODWILL = cast(sa.Table, CouponGoodwill.__table__)
TRIES = cast(sa.Table, CouponWordTry.__table__)
