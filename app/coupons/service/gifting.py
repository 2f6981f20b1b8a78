"""A coupon for a friend: put aside for whoever opens the link, taken by one, taken back, or lapsed.

While a gift is open its coupon is reserved for it, so that nobody uses it meanwhile; the gift's own
row decides between two friends, and between a friend and the giver who takes it back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed, insert_or_ignore
from app.core.errors import NotFound
from app.coupons import messages, queries, rules
from app.coupons.models import (
    ACCEPTED,
    COUPONS,
    GIFTS,
    ISSUED,
    LAPSED,
    OPEN,
    RESERVED,
    TAKEN_BACK,
    CouponGift,
)
from app.coupons.queries import GiftShown
from app.coupons.rules import GiftRefused
from app.coupons.service.giving import count_holding
from app.coupons.service.records import note, note_all
from app.members import queries as members
from app.points import service as points
from app.timeline import service as timeline
from flex_templates.theme import Theme

SOURCE = "gift"


@dataclass(frozen=True, slots=True)
class Offered:
    gift_id: int
    token: str  # for the link; only its digest is kept
    expires_at: datetime


def offer_gift(session: Session, *, coupon_id: int, giver_id: int, now: datetime) -> Offered:
    """Put a coupon aside for a friend. Again makes a new link for the same gift, and the old one is
    dead: it may have gone to nobody.

    Raises GiftRefused, NotFound; then the caller must roll back."""
    held = queries.coupon_of_member(session, coupon_id, member_id=giver_id)
    if held is None:
        raise NotFound("coupon", coupon_id)
    token = ids.secret_token()
    until = rules.gift_until(held.expires_at, now)
    again = _open_again(session, coupon_id, giver_id, token, now)
    if again is not None:
        return again
    rules.check_gift(held.giving, held.given)
    gift_id = session.execute(
        insert_or_ignore(CouponGift, session.get_bind().dialect.name).returning(GIFTS.c.id),
        {
            "coupon_id": coupon_id,
            "giver_id": giver_id,
            "friend_id": None,
            "digest": ids.digest(token),
            "status": OPEN,
            "created_at": now,
            "expires_at": until,
            "ended_at": None,
        },
    ).scalar_one_or_none()
    if gift_id is None:  # offered twice at the same moment: the other tap's gift gets this link
        again = _open_again(session, coupon_id, giver_id, token, now)
        if again is None:
            raise GiftRefused("not_usable")
        return again
    won = changed(
        session,
        sa.update(COUPONS)
        .where(
            COUPONS.c.id == coupon_id,
            COUPONS.c.member_id == giver_id,
            queries.is_free_for("", now),
        )
        .values(status=RESERVED, reserved_for=rules.gift_order(gift_id), reserved_until=until),
    )
    if not won:
        raise GiftRefused("not_usable")
    note(session, coupon_id, "offered", now, facts={"gift_id": gift_id})
    return Offered(gift_id, token, until)


def _open_again(
    session: Session, coupon_id: int, giver_id: int, token: str, now: datetime
) -> Offered | None:
    """A gift that is open already gets the new link. One whose time is over, or whose coupon is not
    put aside any more, is ended first: there is one open gift of a coupon at most."""
    is_aside = sa.exists().where(
        COUPONS.c.id == GIFTS.c.coupon_id, COUPONS.c.status == RESERVED, queries.IS_FOR_GIFT
    )
    is_over = sa.and_(GIFTS.c.coupon_id == coupon_id, sa.or_(GIFTS.c.expires_at <= now, ~is_aside))
    end(session, is_over, LAPSED, now)
    row = session.execute(
        sa.update(GIFTS)
        .where(GIFTS.c.coupon_id == coupon_id, GIFTS.c.giver_id == giver_id, GIFTS.c.status == OPEN)
        .values(digest=ids.digest(token))
        .returning(GIFTS.c.id, GIFTS.c.expires_at)
    ).one_or_none()
    return None if row is None else Offered(row.id, token, row.expires_at)


def accept_gift(
    session: Session, *, token: str, friend_id: int, theme: Theme, now: datetime
) -> GiftShown:
    """The coupon is the friend's from now on, with its old end; both are told. The same friend
    again changes nothing; one who was merged meanwhile is the member they became.

    Raises GiftRefused; then the caller must roll back."""
    points.lock(session, member_id=friend_id, now=now)
    friend_id = members.living_id(session, friend_id)
    gift = queries.gift_by_token(session, token)
    if gift is None:
        raise GiftRefused("unknown")
    if gift.status == ACCEPTED and gift.friend_id == friend_id:
        return gift
    if gift.giver_id == friend_id:
        raise GiftRefused("own")
    if gift.status != OPEN or gift.expires_at <= now:
        raise GiftRefused("lapsed" if gift.status == OPEN else gift.status)
    won = changed(
        session,
        sa.update(GIFTS)
        .where(GIFTS.c.id == gift.id, GIFTS.c.status == OPEN, GIFTS.c.expires_at > now)
        .values(status=ACCEPTED, friend_id=friend_id, ended_at=now),
    )
    if not won:  # of the same moment: another friend, or the giver
        raise GiftRefused("gone")
    moved = changed(
        session,
        sa.update(COUPONS)
        .where(
            COUPONS.c.id == gift.coupon_id,
            COUPONS.c.status == RESERVED,
            COUPONS.c.reserved_for == rules.gift_order(gift.id),
            COUPONS.c.reserved_until > now,
        )
        .values(
            member_id=friend_id,
            status=ISSUED,
            reserved_for=None,
            reserved_until=None,
            given=COUPONS.c.given + 1,
            source=SOURCE,
        ),
    )
    if not moved:  # taken away meanwhile, with a revoked tier
        raise GiftRefused("gone")
    if not count_holding(session, gift.kind_id, friend_id, gift.per_member_limit):
        raise GiftRefused("per_member")
    note(session, gift.coupon_id, "moved", now, facts={"gift_id": gift.id})
    for member_id, kind in ((gift.giver_id, "coupon.given"), (friend_id, "coupon.received")):
        timeline.record(
            session,
            member_id=member_id,
            kind=kind,
            at=now,
            facts={"coupon_id": gift.coupon_id, "name": gift.name, "gift_id": gift.id},
        )
    taken = replace(gift, status=ACCEPTED, friend_id=friend_id, ended_at=now)
    messages.send_taken(session, taken, theme=theme, now=now)
    return taken


def take_gift_back(session: Session, *, coupon_id: int, giver_id: int, now: datetime) -> None:
    """The coupon is the giver's to use again, and the link is dead. Raises GiftRefused when a
    friend was faster, or there is none."""
    own = sa.and_(GIFTS.c.coupon_id == coupon_id, GIFTS.c.giver_id == giver_id)
    if not end(session, own, TAKEN_BACK, now):
        raise GiftRefused("gone")


def lapse_gifts(session: Session, *, now: datetime, limit: int = 1_000) -> list[int]:
    """End gifts that nobody took in time and tell their givers; return which. Safe to run twice."""
    due = (
        sa.select(GIFTS.c.id)
        .where(GIFTS.c.status == OPEN, GIFTS.c.expires_at <= now)
        .order_by(GIFTS.c.expires_at)
        .limit(limit)
    )
    lapsed = end(session, GIFTS.c.id.in_(due), LAPSED, now)
    for gift in queries.gifts(session, lapsed):
        messages.send_lapsed(session, gift, now=now)
    return lapsed


def end(session: Session, which: sa.ColumnElement[bool], status: str, now: datetime) -> list[int]:
    """End open gifts and free their coupons, where those are still put aside for them."""
    rows = session.execute(
        sa.update(GIFTS)
        .where(which, GIFTS.c.status == OPEN)
        .values(status=status, ended_at=now)
        .returning(GIFTS.c.id, GIFTS.c.coupon_id)
    ).all()
    freed = _free(session, rows)
    what = "withdrawn" if status == TAKEN_BACK else "released"
    note_all(session, freed, what, now, {})
    return [row.id for row in rows]


def _free(session: Session, rows: Sequence[Any]) -> list[int]:
    if not rows:
        return []
    held = [rules.gift_order(row.id) for row in rows]
    freed: Sequence[int] = session.scalars(
        sa.update(COUPONS)
        .where(COUPONS.c.status == RESERVED, COUPONS.c.reserved_for.in_(held))
        .values(status=ISSUED, reserved_for=None, reserved_until=None)
        .returning(COUPONS.c.id)
    ).all()
    return sorted(freed)
