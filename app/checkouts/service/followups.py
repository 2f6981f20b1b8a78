"""What else moves with a sale: one call for each noun that counts sales, in order. The member's
account is held, so nothing else of this member moves meanwhile."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.draws import service as draws
from app.missions import service as missions
from app.referrals import service as referrals
from app.stamps import service as stamps


@dataclass(frozen=True, slots=True)
class Sold:
    """A sale of a member as written; its lines are read by `purchase_id`. `is_late`: uploaded on a
    later day than it was made. Amounts are NT$."""

    member_id: int
    purchase_id: int
    amount: int
    sold_at: datetime
    sold_on: date
    store_id: int | None
    staff_id: int | None
    tier_code: str  # after the sale
    is_late: bool


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Money of a member's sale that went back; `net` NT$ of the sale stay."""

    member_id: int
    purchase_id: int
    refund_id: int
    amount: int
    net: int
    sold_at: datetime
    sold_on: date
    staff_id: int | None
    is_whole: bool


def after_sale(session: Session, sold: Sold, *, now: datetime) -> tuple[str, ...]:
    """Short notes for the receipt, such as `任務「九月常客」2/3`."""
    referred = referrals.bought(
        session,
        member_id=sold.member_id,
        purchase_id=sold.purchase_id,
        amount=sold.amount,
        sold_at=sold.sold_at,
        sold_on=sold.sold_on,
        staff_id=sold.staff_id,
        now=now,
    )
    entered = draws.bought(
        session,
        member_id=sold.member_id,
        purchase_id=sold.purchase_id,
        amount=sold.amount,
        sold_at=sold.sold_at,
        now=now,
    )
    moved = missions.bought(
        session,
        member_id=sold.member_id,
        purchase_id=sold.purchase_id,
        amount=sold.amount,
        sold_on=sold.sold_on,
        tier=sold.tier_code,
        now=now,
    )
    stamped = stamps.bought(
        session, member_id=sold.member_id, purchase_id=sold.purchase_id, now=now
    )
    return (*referred, *entered, *moved, *stamped)


def after_refund(session: Session, back: GivenBack, *, now: datetime) -> tuple[str, ...]:
    """Short notes for the message about the refund."""
    return (
        *referrals.refunded(session, purchase_id=back.purchase_id, net=back.net, now=now),
        *draws.refunded(session, purchase_id=back.purchase_id, net=back.net),
        *missions.refunded(session, member_id=back.member_id, sold_on=back.sold_on, now=now),
        *stamps.refunded(session, member_id=back.member_id, sold_on=back.sold_on, now=now),
    )
