"""A brand and its people for tests of life-cycle messages. Dates are Taipei dates."""

from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.checkouts import service as checkouts
from app.core.clock import TAIPEI
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.coupons.service import Issued
from app.lifecycle import service
from app.lifecycle.messages import Brand
from app.lifecycle.models import SENDS
from app.members.models import Member
from app.outbox.models import OutboxRow
from app.points import service as points
from app.points.service import Cause
from app.programmes.rules import DEFAULT, PointTerms, Terms
from app.purchases.rules import PurchaseOrder
from app.tiers import service as tiers
from tests.support.loyalty import publish

BRAND = Brand("小日子選物")
DAY = timedelta(days=1)
_ids = (number for number in count(1_000) if not attention.is_held_out(number))
_keys = count(1)
KINDS = (
    KindDraft("welcome", "入會禮", "amount_off", 100, valid_days=14),
    KindDraft("birthday", "生日禮", "amount_off", 200, valid_days=60),
    KindDraft("autumn", "秋季券", "amount_off", 50, valid_days=10),
)


def at(day: date, hour: int = 10, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=TAIPEI)


def open_brand(session: Session, terms: Terms = DEFAULT) -> None:
    publish(session, terms)
    for draft in KINDS:
        coupons.create_kind(session, draft=draft, now=at(date(2020, 1, 1)))


def person(session: Session, *, joined: date | None = date(2025, 1, 5), **more: Any) -> int:
    """A member who may get everything; a guest without `joined`."""
    member_id = more.pop("id", None) or next(_ids)
    since = at(joined or date(2025, 1, 5), 15)
    values = {
        "id": member_id,
        "number": f"{member_id:010d}" if joined else None,
        "status": "member" if joined else "guest",
        "line_user_id": f"U{member_id:032x}",
        "is_friend": True,
        "friended_at": since,
        "name": "王小美",
        "joined_at": since if joined else None,
        "created_at": since,
        "birthday_edits": 0,
        "marketing_ok": joined is not None,
        "is_test": False,
    } | more
    session.execute(sa.insert(Member), values)
    if joined:
        tiers.begin(session, member_id=member_id, now=since)
    return member_id


def buy(
    session: Session, member_id: int, day: date, amount: int = 500, hour: int = 12, minute: int = 0
) -> int:
    """Return the purchase's id."""
    moment = at(day, hour, minute)
    order = PurchaseOrder(f"p{next(_keys)}", amount, moment, member_id=member_id)
    return checkouts.record_purchase(session, order=order, now=moment).purchase_id


def earn(session: Session, member_id: int, number: int, day: date) -> None:
    """Points that may be used at once and last to the end of the month a year later."""
    points.earn(
        session,
        member_id=member_id,
        points=number,
        cause=Cause(f"gift:{next(_keys)}", "system", "贈點"),
        terms=PointTerms(pending_days=0),
        earned_at=at(day),
        now=at(day),
    )


def give(session: Session, member_id: int, kind: str, day: date, source: str) -> Issued:
    issued = coupons.issue(
        session,
        kind_code=kind,
        member_id=member_id,
        source=source,
        dedup_key=f"{source}:{member_id}:{next(_keys)}",
        now=at(day),
    )
    assert issued is not None
    return issued


def plan(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Run the triggers; what is planned in all: (rule, occasion)."""
    service.plan(session, now=now)
    return planned(session)


def planned(session: Session) -> list[tuple[str, str]]:
    rows = session.execute(sa.select(SENDS.c.rule, SENDS.c.occasion).order_by(SENDS.c.id))
    return [(row.rule, row.occasion) for row in rows]


def compose(session: Session, now: datetime) -> int:
    return service.compose(session, brand=BRAND, now=now)


def verdicts(session: Session) -> list[tuple[str, str, str | None]]:
    rows = session.execute(
        sa.select(SENDS.c.rule, SENDS.c.status, SENDS.c.reason).order_by(SENDS.c.id)
    )
    return [(row.rule, row.status, row.reason) for row in rows]


def pushed(session: Session, status: str = "waiting") -> list[str]:
    """The kinds of the messages queued for LINE."""
    return list(
        session.scalars(
            sa.select(OutboxRow.kind)
            .where(OutboxRow.status == status, OutboxRow.klass != "service")
            .order_by(OutboxRow.id)
        )
    )
