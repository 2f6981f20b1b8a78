"""What a till sends: strict about types, generous about what may be left out."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from app.coupons.rules import MOST_TOGETHER

AMOUNT_MAX = 100_000_000  # NT$ of one sale; more is a typing mistake
ITEMS_MAX = 500
_TEXT = r"^[^\x00-\x1f\x7f]*$"  # no control characters: PostgreSQL keeps no NUL

Text = Annotated[str, StringConstraints(strip_whitespace=True, pattern=_TEXT, max_length=200)]
Sku = Annotated[str, StringConstraints(strip_whitespace=True, pattern=_TEXT, max_length=64)]
Key = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        min_length=1,
        max_length=80,
    ),
]


def _possible(value: datetime) -> datetime:
    if not 2000 <= value.year <= 2200:
        raise ValueError("must lie between the years 2000 and 2200")
    return value


SoldAt = Annotated[AwareDatetime, AfterValidator(_possible)]
Amount = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="NT$, tax included")]


InvoiceNumber = Annotated[
    str | None, Field(pattern=r"^[A-Za-z]{2}-?[0-9]{8}$", examples=["AB12345678"])
]
Card = Annotated[str | None, Field(max_length=60, pattern=r"^RG1\.[0-9A-Za-z]+$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False)


class MemberRef(Body):
    """Who bought: exactly one of the four. `card` is the rotating QR on the member's own screen,
    good for one sale."""

    number: Annotated[str | None, Field(max_length=20, pattern=r"^[0-9]*$")] = None
    phone: Annotated[str | None, Field(max_length=30, pattern=_TEXT)] = None
    line_user_id: Annotated[str | None, Field(pattern=r"^U[0-9a-f]{32}$")] = None
    card: Card = None

    @model_validator(mode="after")
    def _one(self) -> "MemberRef":
        every = (self.number, self.phone, self.line_user_id, self.card)
        if len([value for value in every if value]) != 1:
            raise ValueError("give exactly one of number, phone, line_user_id, card")
        return self


class Item(Body):
    sku: Sku = ""
    name: Text = ""
    category: Sku = ""
    quantity: Annotated[int, Field(ge=1, le=100_000)] = 1
    unit_price: Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX)] = 0


class PointsUsed(Body):
    """Points the member pays with. The till takes off what they are worth by the programme, and
    `amount` is what is paid besides."""

    redeem: Annotated[int, Field(ge=1, le=AMOUNT_MAX, description="points")]
    discount: Annotated[
        int | None,
        Field(ge=0, le=AMOUNT_MAX, description="NT$ taken off; refused when worth another amount"),
    ] = None


class CouponUsed(Body):
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", min_length=1, max_length=20)]
    discount: Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="NT$ taken off for it")] = 0


class Purchase(Body):
    external_id: Annotated[Key, Field(description="your id of the sale; the key against doubles")]
    member: MemberRef | None = None
    store: Annotated[Key | None, Field(description="code of the store")] = None
    sold_at: Annotated[SoldAt | None, Field(description="with offset; left out: now")] = None
    amount: Amount
    items: Annotated[list[Item], Field(max_length=ITEMS_MAX)] = []
    invoice_number: InvoiceNumber = None

    coupon: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9]+$", max_length=20, description="code used on this sale"),
    ] = None

    coupon_discount: Annotated[
        int, Field(ge=0, le=AMOUNT_MAX, description="NT$ taken off for the coupon")
    ] = 0

    coupons: Annotated[
        list[CouponUsed] | None,
        Field(max_length=MOST_TOGETHER, description="several coupons, instead of `coupon`"),
    ] = None

    points: Annotated[
        PointsUsed | None, Field(description="needs `member.card`: a number or phone is no proof")
    ] = None


class Reservation(Body):
    external_id: Annotated[Key, Field(description="your id of the sale that will use them")]
    member: MemberRef
    coupons: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=20)]],
        Field(min_length=1, max_length=MOST_TOGETHER, description="codes"),
    ]


class ReservationOut(BaseModel):
    external_id: str
    coupons: list[str]
    until: datetime


class ReleasedOut(BaseModel):
    released: int


class QuoteWanted(Body):
    """A sale that is being rung up; `amount` is NT$ before coupons and points."""

    member: MemberRef
    amount: Amount
    store: Annotated[Key | None, Field(description="code of the store")] = None
    sold_at: SoldAt | None = None
    items: Annotated[list[Item], Field(max_length=ITEMS_MAX)] = []
    coupons: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=20)]],
        Field(
            max_length=MOST_TOGETHER,
            description="codes or words; empty: what each alone would take off",
        ),
    ] = []
    external_id: Annotated[
        Key | None, Field(description="your id of the sale, whose held coupons are priced too")
    ] = None


Phone = Annotated[str, Field(min_length=1, max_length=30, pattern=_TEXT)]


class CodeWanted(Body):
    phone: Phone


class CodeRead(Body):
    phone: Phone
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", description="as the member read it out")]


class RefundedItem(Body):
    sku: Sku = ""
    quantity: Annotated[int, Field(ge=1, le=100_000)] = 1
    amount: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] = 0


class Refund(Body):
    external_id: Key
    amount: Annotated[
        int,
        Field(
            ge=0,
            le=AMOUNT_MAX,
            description="NT$ given back; 0 only for a sale that points paid for wholly",
        ),
    ]
    items: Annotated[list[RefundedItem], Field(max_length=ITEMS_MAX)] = []


class ExchangedSale(Body):
    """What goes out, as in a purchase; the member is the one of the sale."""

    amount: Amount
    store: Annotated[Key | None, Field(description="code of the store; left out: the sale's")] = (
        None
    )
    sold_at: Annotated[SoldAt | None, Field(description="with offset; left out: now")] = None
    items: Annotated[list[Item], Field(max_length=ITEMS_MAX)] = []
    invoice_number: InvoiceNumber = None
    coupons: Annotated[
        list[CouponUsed],
        Field(max_length=MOST_TOGETHER, description="also one that comes back with the refund"),
    ] = []
    card: Annotated[Card, Field(description="needed for `points`")] = None
    points: PointsUsed | None = None


class ExchangedBack(Body):
    amount: Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="NT$ given back")]
    items: Annotated[list[RefundedItem], Field(max_length=ITEMS_MAX)] = []


class Exchange(Body):
    external_id: Annotated[Key, Field(description="of the exchange; the new sale is known by it")]
    back: ExchangedBack
    sale: ExchangedSale


class CodeSentOut(BaseModel):
    again_at: datetime
    expires_at: datetime


class CardOut(BaseModel):
    card: str
    expires_at: datetime


class PointsOut(BaseModel):
    earned: int
    redeemed: int
    discount: int
    pending: int
    balance: int


class CouponUsedOut(BaseModel):
    code: str
    name: str
    type: str
    discount: int


class OtherCouponOut(BaseModel):
    code: str
    name: str
    type: str
    adds: Annotated[int | None, Field(description="NT$ more with it; null: it cannot be added")]
    why_not: str | None


class QuoteOut(BaseModel):
    coupons: Annotated[list[CouponUsedOut], Field(description="in the order taken off")]
    discount: int
    to_pay: int
    others: list[OtherCouponOut]


class TierOut(BaseModel):
    code: str
    name: str


class PurchaseOut(BaseModel):
    external_id: str
    member_number: str | None
    store: str | None
    sold_at: datetime
    amount: int
    refunded: int
    invoice_number: str | None


Notes = Annotated[list[str], Field(description="what else moved, in words for the customer")]


class CheckoutOut(BaseModel):
    purchase: PurchaseOut
    coupons: Annotated[list[CouponUsedOut], Field(description="in the order taken off")] = []
    item_discounts: Annotated[
        list[int], Field(description="NT$ the coupons took off each of `items`; may be empty")
    ] = []
    points: PointsOut
    tier: TierOut | None
    notes: Notes


class BatchCounts(BaseModel):
    created: int
    repeated: int
    refused: int


class BatchResult(BaseModel):
    """`answer` as `POST /purchases` gives it, or `problem` as a problem document."""

    status: int
    external_id: str | None
    answer: CheckoutOut | None = None
    problem: dict[str, Any] | None = None


class BatchOut(BaseModel):
    counts: BatchCounts
    results: list[BatchResult]


class RefundOut(BaseModel):
    external_id: str
    purchase_external_id: str
    amount: int


class RefundPointsOut(BaseModel):
    revoked: int
    restored: int
    pending: int
    balance: int


class RefundedOut(BaseModel):
    refund: RefundOut
    coupons_returned: Annotated[
        list[str], Field(description="names of coupons that came back")
    ] = []
    points: RefundPointsOut
    tier: TierOut | None
    notes: Notes


class ExchangeOut(BaseModel):
    external_id: str
    purchase_external_id: str
    back: int
    amount: int
    to_pay: Annotated[int, Field(description="NT$; negative: to give back")]


class ExchangedPointsOut(PointsOut):
    revoked: int
    restored: int


class ExchangedOut(BaseModel):
    exchange: ExchangeOut
    purchase: PurchaseOut
    coupons: list[CouponUsedOut]
    coupons_returned: list[str]
    item_discounts: list[int]
    points: ExchangedPointsOut
    tier: TierOut | None
    notes: Notes


class HeldTierOut(TierOut):
    until: str | None


class RedemptionOut(BaseModel):
    """Every `step` points pay NT$ `pays`, from `minimum` points to `max_percent` of a sale."""

    step: int
    pays: int
    minimum: int
    max_percent: int


class StandingOut(BaseModel):
    balance: int
    pending: int
    expiring: int
    expires_at: str | None
    redemption: RedemptionOut | None


class ProgressOut(BaseModel):
    spent: int
    next_tier: TierOut | None
    to_next: int
    percent: int


class CouponOut(BaseModel):
    code: str
    name: str
    type: str
    value: int
    min_spend: int
    expires_at: str | None


class MemberOut(BaseModel):
    number: str
    name: str
    tier: HeldTierOut
    points: StandingOut
    progress: ProgressOut
    coupons: list[CouponOut]
