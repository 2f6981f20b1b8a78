"""What else moves with a sale: one call for each noun that counts sales, in order. The member's
account is held, so nothing else of this member moves meanwhile."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.draws import service as draws
from app.missions import service as missions
from app.referrals import service as referrals
from app.stamps import service as stamps
from app.tiers.service import Fall


@dataclass(frozen=True, slots=True)
class Swap:
    """What the refund of an exchange leaves for its sale to settle: the sale whose place it takes,
    of which `net` NT$ stay, and the fall from a tier that it may yet avert."""

    purchase_id: int
    net: int
    fall: Fall | None


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
    swap: Swap | None = None  # of an exchange


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
    is_exchange: bool = False  # a sale follows in its place


def after_sale(session: Session, sold: Sold, *, now: datetime) -> tuple[str, ...]:
    """Short notes for the receipt, such as `任務「九月常客」2/3`."""
    swapped = after_swap(session, sold.swap, sold.purchase_id, sold.amount, sold.sold_on, now=now)
    referred = swapped or referrals.bought(
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


def after_swap(
    session: Session,
    swap: Swap | None,
    purchase_id: int,
    amount: int,
    sold_on: date,
    *,
    now: datetime,
) -> tuple[str, ...]:
    """What `after_refund` left open of an exchange: the new sale takes the old one's place, or
    not."""
    if swap is None:
        return ()
    return referrals.exchanged(
        session,
        purchase_id=swap.purchase_id,
        net=swap.net,
        by=purchase_id,
        amount=amount,
        sold_on=sold_on,
        now=now,
    )


def after_refund(session: Session, back: GivenBack, *, now: datetime) -> tuple[str, ...]:
    """Short notes for the message about the refund."""
    referred: tuple[str, ...] = ()
    if not back.is_exchange:
        referred = referrals.refunded(session, purchase_id=back.purchase_id, net=back.net, now=now)
    return (
        *referred,
        *draws.refunded(session, purchase_id=back.purchase_id, net=back.net),
        *missions.refunded(session, member_id=back.member_id, sold_on=back.sold_on, now=now),
        *stamps.refunded(session, member_id=back.member_id, sold_on=back.sold_on, now=now),
    )
