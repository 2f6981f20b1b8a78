"""What happens at the till, in order: the sale, its points at the tier held before, the tier, the
gift, whatever else moves with a sale, the receipt. Tills (REST), the clerk's page and imports all
come through here."""

from app.checkouts.service.answers import Checkout
from app.checkouts.service.exchanges import ExchangeOrder, exchange_purchase
from app.checkouts.service.goodwill import give_goodwill
from app.checkouts.service.payments import PointPayment
from app.checkouts.service.redeeming import CouponUse, situation
from app.checkouts.service.refunds import refund_purchase
from app.checkouts.service.sales import claim_sale, record_purchase, review_tier

__all__ = [
    "Checkout",
    "CouponUse",
    "ExchangeOrder",
    "PointPayment",
    "claim_sale",
    "exchange_purchase",
    "give_goodwill",
    "record_purchase",
    "refund_purchase",
    "review_tier",
    "situation",
]
