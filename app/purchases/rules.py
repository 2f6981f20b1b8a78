"""A sale as a till tells it, what of it earns and counts, and how a refund is split. NT$ whole."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from app.core.errors import DomainError, Invalid

AMOUNT_MAX = 100_000_000  # NT$; more is a typing mistake


class RefundTooLarge(DomainError):
    """`rest` is what of the sale was not refunded yet, NT$."""

    def __init__(self, rest: int) -> None:
        super().__init__(f"only NT${rest} of the sale is left to refund")
        self.rest = rest


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a sale. `unit_price` is NT$, tax included."""

    sku: str = ""
    name: str = ""
    category: str = ""
    quantity: int = 1
    unit_price: int = 0

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """A sale to be recorded. `amount` is what was paid, after discounts and points; `channel` is
    one of CHANNELS."""

    external_id: str
    amount: int
    sold_at: datetime
    channel: str = "pos"
    member_id: int | None = None
    store_id: int | None = None
    staff_id: int | None = None
    items: tuple[Item, ...] = ()
    invoice_number: str | None = None  # two letters and eight digits
    invoice_period: str | None = None  # ROC year and even month
    # What the caller sent, as it goes into the comparison with an earlier call of the same id.
    # A till leaves `sold_at` out when it is now, so the moment of the call must not count.
    said: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    external_id: str
    purchase_external_id: str
    amount: int
    items: tuple[Mapping[str, Any], ...] = ()
    store_id: int | None = None
    staff_id: int | None = None
    refunded_at: datetime | None = None  # left out: now; a file of old refunds says when
    # What the caller sent, where the refund is only a part of it, as in an exchange.
    said: Mapping[str, Any] | None = None


def content_hash(content: Any) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def purchase_hash(order: PurchaseOrder) -> str:
    """Equal for two calls that say the same."""
    if order.said is not None:
        return content_hash(dict(order.said))
    said = asdict(order)
    said["sold_at"] = order.sold_at.astimezone(UTC).isoformat()
    return content_hash({name: value for name, value in said.items() if name != "staff_id"})


def refund_hash(order: RefundOrder) -> str:
    if order.said is not None:
        return content_hash(dict(order.said))
    return content_hash([order.purchase_external_id, order.amount, [dict(i) for i in order.items]])


EARLY = timedelta(minutes=10)  # how far a till's clock may run ahead
ID_LENGTH = 80
CHANNELS = ("pos", "clerk", "offline", "import", "invoice")  # offline: typed without network
MOST_ITEMS = 500
QUANTITY_MAX = 1_000_000


def check(order: PurchaseOrder, *, now: datetime) -> None:
    """Raises Invalid naming the field."""
    _check_id(order.external_id)
    if not 0 <= order.amount <= AMOUNT_MAX:
        raise Invalid("amount", f"must be 0 to {AMOUNT_MAX}")
    if order.channel not in CHANNELS:
        raise Invalid("channel", f"is none of {', '.join(CHANNELS)}")
    if order.sold_at > now + EARLY:
        raise Invalid("sold_at", "lies in the future")
    if order.sold_at.year < 2000:
        raise Invalid("sold_at", "lies before the year 2000")
    _check_items(order.items)


def check_refund(order: RefundOrder) -> None:
    """Raises Invalid naming the field."""
    _check_id(order.external_id)
    if not 0 <= order.amount <= AMOUNT_MAX:  # 0: a sale that points paid for wholly
        raise Invalid("amount", f"must be 0 to {AMOUNT_MAX}")


def _check_id(external_id: str) -> None:
    if not external_id:
        raise Invalid("external_id", "is missing")
    if len(external_id) > ID_LENGTH or not external_id.isprintable():
        raise Invalid("external_id", f"must have at most {ID_LENGTH} visible characters")


def _check_items(items: Sequence[Item]) -> None:
    if len(items) > MOST_ITEMS:
        raise Invalid("items", f"must be at most {MOST_ITEMS}")
    for number, item in enumerate(items):
        if not 1 <= item.quantity <= QUANTITY_MAX:
            raise Invalid(f"items.{number}.quantity", f"must be 1 to {QUANTITY_MAX}")
        if abs(item.unit_price) > AMOUNT_MAX:
            raise Invalid(f"items.{number}.unit_price", "超出範圍")
        for field, value, most in (
            ("name", item.name, 200),
            ("sku", item.sku, 64),
            ("category", item.category, 64),
        ):
            if len(value) > most or "\x00" in value:
                raise Invalid(f"items.{number}.{field}", f"最多 {most} 個字")


def counted(
    amount: int,
    items: Sequence[Item],
    *,
    excluded_categories: Sequence[str] = (),
    excluded_skus: Sequence[str] = (),
) -> int:
    """What of the paid amount counts: all of it less the excluded lines, never below nothing.

    The sum of the lines is often not what was paid (discounts are missing from it), so excluded
    lines are taken off the paid amount at their own price."""
    off = sum(
        item.amount
        for item in items
        if item.category in excluded_categories or (item.sku and item.sku in excluded_skus)
    )
    return max(0, min(amount, amount - off))


def refunded_part(part: int, part_refunded: int, amount: int, refunded: int, refund: int) -> int:
    """How much of a part (what earned, what counted) goes with this refund: pro rata of all that
    is refunded by now, so that refunds in pieces add up exactly to the whole part."""
    if amount == 0:
        return 0
    total = part * (refunded + refund) // amount
    return max(0, min(part, total) - part_refunded)
