"""Members with real numbers, and what they do at a till."""

from datetime import datetime, timedelta
from itertools import count

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.cards import service as cards
from app.checkouts import service as checkouts
from app.core import text
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.members.models import Member
from app.points import service as points
from app.points.service import Cause
from app.programmes.rules import PointTerms
from app.purchases.rules import PurchaseOrder
from app.tiers import service as tiers
from tests.support.times import NOW

_serials = count(1)
JOINED = NOW - timedelta(days=100)


def regular(
    session: Session,
    *,
    name: str | None = "王小明",
    phone: str | None = None,
    display_name: str | None = "小明",
    joined_at: datetime | None = JOINED,
    is_test: bool = False,
    is_friend: bool = True,
) -> int:
    """A member with a tier; a guest when there is no `joined_at`."""
    serial = next(_serials)
    member_id: int = session.execute(
        sa.insert(Member).returning(Member.id),
        {
            "number": text.make_member_number(str(100_000_000 + serial)) if joined_at else None,
            "status": "member" if joined_at else "guest",
            "line_user_id": f"U{serial:032x}",
            "is_friend": is_friend,
            "name": name,
            "display_name": display_name,
            "phone": phone,
            "joined_at": joined_at,
            "created_at": joined_at or NOW,
            "birthday_edits": 0,
            "marketing_ok": True,
            "is_test": is_test,
        },
    ).scalar_one()
    if joined_at is not None:
        tiers.begin(session, member_id=member_id, now=joined_at)
    return member_id


def number_of(session: Session, member_id: int) -> str:
    return session.scalars(sa.select(Member.number).where(Member.id == member_id)).one() or ""


def bought(
    session: Session,
    member_id: int | None,
    amount: int,
    *,
    store_id: int,
    sold_at: datetime = NOW,
    now: datetime = NOW,
) -> str:
    """Return the purchase's external id."""
    external_id = f"pos-{next(_serials)}"
    order = PurchaseOrder(
        external_id=external_id,
        amount=amount,
        sold_at=sold_at,
        member_id=member_id,
        store_id=store_id,
    )
    checkouts.record_purchase(session, order=order, now=now)
    return external_id


def card_code(session: Session, member_id: int, *, now: datetime = NOW) -> str:
    """What the QR on the member's screen holds."""
    return cards.issue_token(session, member_id=member_id, now=now).text


def coupon_for(session: Session, member_id: int, **draft: object) -> int:
    """A coupon of a kind of its own; NT$100 off by default."""
    code = f"kind{next(_serials)}"
    values: dict[str, object] = {"name": "NT$100 折價券", "type": "amount_off", "value": 100}
    kind = KindDraft(**({"code": code, "valid_days": 30} | values | draft))  # type: ignore[arg-type]  # a test's shorthand
    coupons.create_kind(session, draft=kind, now=NOW)
    issued = coupons.issue(
        session, kind_code=code, member_id=member_id, source="test", dedup_key=code, now=NOW
    )
    assert issued is not None
    return issued.coupon_id


def grant_points(
    session: Session, member_id: int, number: int, *, now: datetime = JOINED, key: str | None = None
) -> None:
    """Points that can be used at once."""
    points.adjust(
        session,
        member_id=member_id,
        points=number,
        cause=Cause(key or f"given-{next(_serials)}", "test", "期初點數"),
        terms=PointTerms(),
        now=now,
    )
